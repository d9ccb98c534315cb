// A file as a whole: every frame's time, and sound as it was.
#include <gtest/gtest.h>

#include "clips.h"
#include "media/sink.h"
#include "output.h"

namespace millrace::media {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

TEST(Sink, Mp4KeepsEveryTimeAndTheSound) {
    const std::string clip =
        make_clip("sink_thin.mp4", "-f lavfi -i testsrc2=s=128x72:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac");
    const auto source = open_source({.path = clip});
    const EncoderSettings settings = resolve_encoder({}, small_input());
    EXPECT_EQ(settings.context_frames, 40);
    const auto times = constant_times(50, 0, 512);
    const Encoded encoded = encode(settings, times);
    const std::string path = temporary("sink_thin_out.mp4");
    const auto notes = write_file({.path = path}, encoded, source.get());
    for (const CopyNote& note : notes) EXPECT_FALSE(note.loss) << note.text;
    const auto frames = probe_frames(path);
    ASSERT_EQ(frames.size(), 50U);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(frames[i].pts, times[i]);
        EXPECT_EQ(frames[i].duration, 512);
    }
    EXPECT_EQ(packet_hashes(path, "a"), packet_hashes(clip, "a"));
    EXPECT_EQ(probe(path, "packet=pts,duration", "-select_streams a"),
              probe(clip, "packet=pts,duration", "-select_streams a"));
}

}  // namespace
}  // namespace millrace::media
