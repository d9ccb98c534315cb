// Every frame's time in every container, with ffprobe as the judge.
#include <gtest/gtest.h>

#include <ostream>

#include "clips.h"
#include "media/sink.h"
#include "output.h"

namespace millrace::media {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

struct TimesCase {
    const char* name;
    core::Rational time_base;
    core::Rational frame_rate;
    std::int64_t start;
    std::int64_t distance;
    FrameTiming timing;
};

std::ostream& operator<<(std::ostream& out, const TimesCase& times) { return out << times.name; }

constexpr int frames = 40;

std::vector<std::int64_t> times_of(const TimesCase& test) {
    return test.timing == FrameTiming::constant ? constant_times(frames, test.start, test.distance)
                                                : variable_times(frames, test.start, test.distance);
}

Encoded encode_times(const TimesCase& test, const std::vector<std::int64_t>& times) {
    EncoderInput input = small_input();
    input.time_base = test.time_base;
    input.frame_rate = test.frame_rate;
    input.timing = test.timing;
    EncoderRequest request;
    request.preset = "veryfast";
    return encode(resolve_encoder(request, input), times);
}

core::Rational probed_time_base(const std::string& path) {
    const std::string text = probe(path, "stream=time_base", "-select_streams v:0");
    return {1, std::stoll(text.substr(text.find('/') + 1))};
}

class SinkTimes : public testing::TestWithParam<std::tuple<TimesCase, const char*>> {};

TEST_P(SinkTimes, EveryFrameHasItsTime) {
    const auto& [test, extension] = GetParam();
    const std::string container = extension;
    const std::vector<std::int64_t> times = times_of(test);
    const Encoded encoded = encode_times(test, times);
    ASSERT_GT(describe_video(encoded).reorder, 0) << "the test needs B-frames";
    const std::string path = temporary(std::string("times_") + test.name + "." + container);
    SinkVideo video = describe_video(encoded);
    const std::vector<CopyNote> notes = write_file({.path = path}, encoded);

    const core::Rational base = probed_time_base(path);
    const std::vector<ProbedFrame> probed = probe_frames(path);
    ASSERT_EQ(probed.size(), static_cast<std::size_t>(frames));
    // MPEG-TS says when it moves the start.
    const std::int64_t shift = notes.empty() ? 0 : core::rescale(1400, {1, 1000}, base);
    EXPECT_TRUE(container == "ts" || notes.empty());
    for (std::size_t i = 0; i < probed.size(); ++i) {
        EXPECT_EQ(probed[i].pts, core::rescale(times[i], test.time_base, base) + shift) << "frame " << i;
        if (container == "mp4" || container == "mov") {  // exactly
            EXPECT_EQ(core::rescale(probed[i].pts, base, test.time_base), times[i]);
            EXPECT_EQ(base.den % (test.time_base.den), 0);
        }
        if (test.timing == FrameTiming::constant && container != "mkv") {
            const std::int64_t end = core::rescale(times[i + 1], test.time_base, base) + shift;
            EXPECT_NEAR(static_cast<double>(probed[i].duration), static_cast<double>(end - probed[i].pts), 1) << i;
        }
    }
    // The file ends where the last frame does; MPEG-TS counts from its first frame.
    const double seconds = std::stod(probe(path, "format=duration"));
    const std::int64_t ticks = container == "ts" ? times.back() - times.front() : times.back();
    EXPECT_NEAR(seconds, core::to_seconds(ticks, test.time_base), container == "ts" ? 0.06 : 0.0011);
}

INSTANTIATE_TEST_SUITE_P(
    All, SinkTimes,
    testing::Combine(testing::Values(TimesCase{"cfr", {1, 12800}, {25, 1}, 0, 512, FrameTiming::constant},
                                     TimesCase{
                                         "started", {1, 90000}, {30000, 1001}, 129003, 3003, FrameTiming::constant},
                                     TimesCase{"ntsc", {1001, 30000}, {30000, 1001}, 0, 1, FrameTiming::constant},
                                     TimesCase{"film", {1, 24000}, {24000, 1001}, 7007, 1001, FrameTiming::constant},
                                     TimesCase{"vfr", {1, 90000}, {25, 1}, 0, 3600, FrameTiming::variable},
                                     TimesCase{"vfr_started", {1, 15360}, {25, 1}, 5000, 614, FrameTiming::variable},
                                     TimesCase{"milliseconds", {1, 1000}, {25, 1}, 40, 40, FrameTiming::variable}),
                     testing::Values("mp4", "mov", "mkv", "ts")),
    [](const auto& param) { return std::string(std::get<0>(param.param).name) + "_" + std::get<1>(param.param); });

TEST(SinkTiming, FragmentedMp4KeepsThemToo) {
    const TimesCase test{"fragmented", {1, 90000}, {25, 1}, 7200, 3600, FrameTiming::variable};
    const std::vector<std::int64_t> times = times_of(test);
    const std::string path = temporary("times_fragmented.mp4");
    write_file({.path = path, .fragmented = Fragmented::yes}, encode_times(test, times));
    const std::vector<ProbedFrame> probed = probe_frames(path);
    ASSERT_EQ(probed.size(), static_cast<std::size_t>(frames));
    for (std::size_t i = 0; i < probed.size(); ++i) EXPECT_EQ(probed[i].pts, times[i]) << i;
    EXPECT_NE(run("head -c 200000 '" + path + "' | grep -c moof"), "0\n");
}

TEST(SinkTiming, FramesBeforeZeroAreShiftedNotCut) {
    const TimesCase test{"negative", {1, 12800}, {25, 1}, -2560, 512, FrameTiming::constant};
    const std::vector<std::int64_t> times = times_of(test);
    const Encoded encoded = encode_times(test, times);
    for (const char* extension : {"mp4", "mkv"}) {
        const std::string path = temporary(std::string("times_negative.") + extension);
        const std::vector<CopyNote> notes = write_file({.path = path}, encoded);
        ASSERT_EQ(notes.size(), 1U);
        EXPECT_FALSE(notes[0].loss);
        const std::vector<ProbedFrame> probed = probe_frames(path);
        ASSERT_EQ(probed.size(), static_cast<std::size_t>(frames));
        EXPECT_EQ(probed[0].pts, 0);
    }
}

}  // namespace
}  // namespace millrace::media
