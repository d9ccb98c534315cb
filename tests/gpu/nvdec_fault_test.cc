// 200 damaged and cut off files through NVDEC: each ends, in frames or in an error that says what is wrong, and leaves
// the process's decoders as good as they were.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "gpu/frames.h"
#include "media/clips.h"

namespace millrace::media::test {

namespace {

constexpr unsigned seeds = 200;

/// Ends the program, with a word on where, when nothing was heard for a minute: a chip or a driver that hangs cannot be
/// waited for.
class Watchdog {
  public:
    Watchdog()
        : thread_([this](const std::stop_token& stop) {
              std::unique_lock lock(mutex_);
              while (!stop.stop_requested()) {
                  const int heard = heard_;
                  const auto changed = [&] { return heard_ != heard; };
                  if (woken_.wait_for(lock, stop, patience, changed) || stop.stop_requested()) continue;
                  std::fprintf(stderr, "nvdec_fault_test: hangs at %s\n", at_.c_str());
                  std::abort();
              }
          }) {}

    void begin(const std::string& what) {
        const std::scoped_lock lock(mutex_);
        at_ = what;
        ++heard_;
        woken_.notify_all();
    }

  private:
    static constexpr std::chrono::seconds patience{60};

    std::mutex mutex_;
    std::condition_variable_any woken_;
    std::string at_ = "its beginning";
    int heard_ = 0;
    std::jthread thread_;
};

std::string bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Whole files, and what the CPU makes of them.
struct Sound {
    std::string name;
    std::string path;
    std::string bytes{};
    Decoded decoded{};
};

std::vector<Sound> sound_files() {
    const std::string pattern = "-f lavfi -i testsrc2=size=256x192:rate=25:duration=2 -g 25 -bf 3 ";
    std::vector<Sound> files{
        {.name = "h264.ts", .path = make_clip("fault_h264.ts", pattern + "-c:v libx264")},
        {.name = "h264.mp4", .path = make_clip("fault_h264.mp4", pattern + "-c:v libx264 -x264-params open-gop=1")},
        {.name = "hevc.mkv", .path = make_clip("fault_hevc.mkv", pattern + "-c:v libx265 -x265-params log-level=none")},
        {.name = "vp9.webm", .path = repository_file("tests/gpu/clips/vp9.webm")},
        {.name = "vp9_10bit.webm", .path = repository_file("tests/gpu/clips/vp9_10bit.webm")},
        {.name = "vp8.webm", .path = repository_file("tests/gpu/clips/vp8.webm")}};
    for (Sound& file : files) {
        file.bytes = bytes_of(file.path);
        file.decoded = Reading(device::DeviceKind::host).read(file.path);
    }
    return files;
}

/// A span of `bytes`, not longer than an eighth of them.
struct Span {
    Span(std::mt19937& random, const std::string& bytes)
        : at(random() % bytes.size()), size(1 + random() % (bytes.size() / 8)) {}

    std::size_t at;
    std::size_t size;
};

std::string flipped(std::mt19937& random, std::string bytes, std::size_t from) {
    const std::size_t flips = 1 + random() % 40;
    for (std::size_t flip = 0; flip < flips; ++flip) {
        const std::size_t at = from + random() % (bytes.size() - from);
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    }
    return bytes;
}

/// One damage of five kinds, of which flips in the second half of a file, where headers are rare, come twice as often.
std::string damaged(unsigned seed, const std::string& whole) {
    std::mt19937 random(seed);
    std::string bytes = whole;
    const Span span(random, bytes);
    switch (random() % 6) {
        case 0:
            return flipped(random, bytes, 0);
        case 1:
            return bytes.substr(0, bytes.size() / 8 + random() % (bytes.size() * 7 / 8));
        case 2:
            return bytes.erase(span.at, span.size);
        case 3:
            for (std::size_t i = span.at; i < std::min(span.at + span.size, bytes.size()); ++i) bytes[i] = 0;
            return bytes;
        default:
            return flipped(random, bytes, bytes.size() / 2);
    }
}

/// What NVDEC makes of a file; nothing where it says what is wrong with it.
std::optional<Decoded> outcome_of(const std::string& path) {
    try {
        return Reading(device::DeviceKind::cuda).read(path);
    } catch (const core::Error& error) {
        const std::string what = error.what();
        EXPECT_THAT(error.code(), testing::AnyOf(core::ErrorCode::bad_input, core::ErrorCode::failed,
                                                 core::ErrorCode::out_of_memory));
        EXPECT_THAT(what, testing::AnyOf(testing::HasSubstr(path), testing::HasSubstr("cuda:0")));
        return std::nullopt;
    }
}

void expect_orderly(const Decoded& got) {
    std::vector<std::int64_t> marked;
    for (std::size_t i = 0; i < got.frames.size(); ++i) {
        EXPECT_TRUE(i == 0 || got.frames[i].pts > got.frames[i - 1].pts) << "frame " << i;
        if (got.flags[i].corrupt) marked.push_back(got.frames[i].pts);
    }
    EXPECT_EQ(got.stats.corrupt_pts, marked);
    const std::size_t accounted = got.frames.size() + got.stats.missing_pts.size();
    EXPECT_TRUE(!got.segmentable || accounted == got.expected) << accounted << " of " << got.expected;
}

TEST(GpuDecodeFaults, EndInFramesOrInAnErrorAndHarmNothing) {
    const std::vector<Sound> files = sound_files();
    for (const Sound& file : files) ASSERT_FALSE(file.decoded.frames.empty()) << file.name;
    Watchdog watchdog;
    unsigned with_frames = 0;
    unsigned marked = 0;
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const Sound& file = files[seed % files.size()];
        const std::string what = file.name + ", seed " + std::to_string(seed);
        SCOPED_TRACE(what);
        watchdog.begin(what);
        const std::string path = temporary("fault_" + std::to_string(seed) + "_" + file.name);
        std::ofstream(path, std::ios::binary) << damaged(seed, file.bytes);
        if (const std::optional<Decoded> got = outcome_of(path)) {
            expect_orderly(*got);
            if (!got->frames.empty()) ++with_frames;
            if (!got->stats.corrupt_pts.empty()) ++marked;
        }
        watchdog.begin("the whole file after " + what);
        const Decoded again = Reading(device::DeviceKind::cuda).read(file.path);
        ASSERT_EQ(again.frames, file.decoded.frames);
        ASSERT_EQ(again.stats.decode_errors, 0);
        std::remove(path.c_str());
    }
    // Damage that NVDEC never got to see would be no test of it.
    EXPECT_GT(with_frames, seeds / 2);
    EXPECT_GT(marked, 0U);
    std::printf("%u of %u files gave frames, %u of them some that are marked\n", with_frames, seeds, marked);
}

}  // namespace

}  // namespace millrace::media::test
