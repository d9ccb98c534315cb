// Files with flipped bits: never a crash, a hang or a silent loss.

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "core/error.h"
#include "media/clips.h"
#include "media/frame_reader.h"

namespace millrace::media::test {

namespace {

const std::string pattern = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 ";

struct Base {
    const char* file;
    std::string arguments;
};

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string flip_bits(std::string bytes, unsigned seed) {
    std::mt19937 random(seed);
    const auto flips = 1 + random() % 24;
    for (auto i = flips; i > 0; --i) {
        char& byte = bytes[random() % bytes.size()];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random() % 8));
    }
    return bytes;
}

// Frames of a range: in order, and with what is missing as many as the index promised.
void read_range(FrameReader& reader, const PacketIndex& index, const FrameRange& range) {
    const auto missing_before = reader.stats().missing_pts.size();
    reader.start(range);
    std::int64_t last = core::no_pts;
    std::int64_t promised_frames = 0;
    for (device::Picture picture; reader.next(picture);) {
        EXPECT_GT(picture.pts, last);
        EXPECT_GT(picture.duration, 0);
        last = picture.pts;
        const std::int64_t place = index.frames_before(picture.pts);
        const auto size = static_cast<std::int64_t>(index.frame_pts.size());
        if (place < size && index.frame_pts[static_cast<std::size_t>(place)] == picture.pts) ++promised_frames;
    }
    if (!index.segmentable()) return;
    const auto missing = static_cast<std::int64_t>(reader.stats().missing_pts.size() - missing_before);
    EXPECT_EQ(promised_frames + missing, index.frames_before(range.end) - index.frames_before(range.begin));
}

void read_file_whole_and_by_segments(const std::string& path) {
    const SourceOptions options{.path = path};
    const PacketIndex index = build_index(*open_source(options));
    const auto reader = open_frame_reader(options, {.threads = 2}, index);
    read_range(*reader, index, {});
    if (!index.segmentable()) return;
    for (std::size_t i = 1; i < index.access_points.size(); ++i) {
        read_range(*reader, index, {.begin = index.access_points[i - 1].pts, .end = index.access_points[i].pts});
    }
}

class DamageTest : public testing::TestWithParam<Base> {};

TEST_P(DamageTest, IsReadOrRefused) {
    const std::string bytes = read_file(make_clip(GetParam().file, GetParam().arguments));
    const std::string path = temporary(std::string("flipped_") + GetParam().file);
    int refused = 0;
    for (unsigned seed = 0; seed < 40; ++seed) {
        SCOPED_TRACE(seed);
        std::ofstream(path, std::ios::binary) << flip_bits(bytes, seed);
        try {
            read_file_whole_and_by_segments(path);
        } catch (const core::Error& error) {
            ++refused;
            EXPECT_NE(std::string(error.what()), "");
        }
    }
    EXPECT_LT(refused, 20);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, DamageTest,
    testing::Values(Base{"damage.mp4", pattern + "-c:v libx264 -g 10 -bf 2"},
                    Base{"damage.mkv", pattern + "-c:v libx265 -x265-params log-level=error:keyint=10"},
                    Base{"damage.ts", pattern + "-c:v libx264 -g 10"},
                    Base{"damage.webm", pattern + "-c:v libvpx-vp9 -g 10 -deadline realtime -cpu-used 8"},
                    Base{"damage.avi", pattern + "-c:v mpeg4 -g 10"}),
    [](const auto& item) { return std::string(item.param.file).substr(7); });

}  // namespace

}  // namespace millrace::media::test
