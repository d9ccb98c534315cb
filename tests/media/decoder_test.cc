// Layouts, colours, flags and changes of size.

#include "media/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "media/clips.h"
#include "media/frame_reader.h"
#include "support/error_of.h"

namespace millrace::media::test {

namespace {

using millrace::test::message_of;

std::vector<device::Picture> read_pictures(const std::string& path, const DecoderOptions& decoder = {}) {
    const SourceOptions options{.path = path};
    const PacketIndex index = build_index(*open_source(options));
    const auto reader = open_frame_reader(options, decoder, index);
    reader->start({});
    std::vector<device::Picture> out;
    for (device::Picture picture; reader->next(picture);) out.push_back(std::move(picture));
    return out;
}

constexpr int width = 18;
constexpr int height = 10;

/// One raw picture as `ffmpeg -f rawvideo` writes it, without padding.
struct Raw {
    std::string bytes;

    [[nodiscard]] int byte(int at) const { return static_cast<unsigned char>(bytes.at(static_cast<std::size_t>(at))); }
    [[nodiscard]] int word(int at) const { return byte(2 * at) | byte(2 * at + 1) << 8; }
    [[nodiscard]] int big_word(int at) const { return byte(2 * at) << 8 | byte(2 * at + 1); }
};

/// The value that component `c` at (x, y) of the delivered plane must have.
using Expected = std::function<int(const Raw& raw, int c, int x, int y)>;

struct Layout {
    const char* format;
    const char* delivered;
    Expected expected;
};

int scaled(int value, int from, int to) {
    return static_cast<int>(std::floor(value * (std::exp2(to) - 1) / (std::exp2(from) - 1) + 0.5));
}

std::vector<Layout> layouts() {
    constexpr int w = width;
    constexpr int h = height;
    const auto packed = [](int step, std::array<int, 3> offset) {
        return [=](const Raw& raw, int c, int x, int y) {
            return raw.byte((y * w + x) * step + offset.at(static_cast<std::size_t>(c)));
        };
    };
    return {
        {"rgb24", "gbrp", packed(3, {0, 1, 2})},
        {"bgr24", "gbrp", packed(3, {2, 1, 0})},
        {"bgra", "gbrp", packed(4, {2, 1, 0})},
        {"argb", "gbrp", packed(4, {1, 2, 3})},
        {"yuyv422", "yuv422p",
         [](const Raw& raw, int c, int x, int y) {
             return raw.byte(y * w * 2 + (c == 0 ? 2 * x : 4 * x + (c == 1 ? 1 : 3)));
         }},
        {"uyvy422", "yuv422p",
         [](const Raw& raw, int c, int x, int y) {
             return raw.byte(y * w * 2 + (c == 0 ? 2 * x + 1 : 4 * x + (c == 1 ? 0 : 2)));
         }},
        {"yuva444p", "yuv444p", [](const Raw& raw, int c, int x, int y) { return raw.byte((c * h + y) * w + x); }},
        {"yuv440p", "yuv444p",
         [](const Raw& raw, int c, int x, int y) {
             return c == 0 ? raw.byte(y * w + x) : raw.byte(w * h + (c - 1) * w * (h / 2) + (y / 2) * w + x);
         }},
        {"yuv411p", "yuv422p",
         [](const Raw& raw, int c, int x, int y) {
             constexpr int cw = (w + 3) / 4;
             return c == 0 ? raw.byte(y * w + x) : raw.byte(w * h + (c - 1) * cw * h + y * cw + x / 2);
         }},
        {"yuv444p16be", "yuv444p12le",
         [](const Raw& raw, int c, int x, int y) {
             return std::min(4095, (raw.big_word((c * h + y) * w + x) + 8) >> 4);
         }},
        {"yuv444p9le", "yuv444p10le",
         [](const Raw& raw, int c, int x, int y) { return 2 * raw.word((c * h + y) * w + x); }},
        {"gbrp16le", "gbrp12le",
         [](const Raw& raw, int c, int x, int y) {
             constexpr std::array<int, 3> plane{2, 0, 1};
             return scaled(raw.word((plane.at(static_cast<std::size_t>(c)) * h + y) * w + x), 16, 12);
         }},
        {"rgb48le", "gbrp12le",
         [](const Raw& raw, int c, int x, int y) { return scaled(raw.word((y * w + x) * 3 + c), 16, 12); }},
        {"gray16le", "gray12le", [](const Raw& raw, int, int x, int y) { return scaled(raw.word(y * w + x), 16, 12); }},
        {"rgb565le", "gbrp",
         [](const Raw& raw, int c, int x, int y) {
             const int word = raw.word(y * w + x);
             if (c == 1) return scaled(word >> 5 & 63, 6, 8);
             return scaled(word >> (c == 0 ? 11 : 0) & 31, 5, 8);
         }},
    };
}

TEST(DecoderRepack, KeepsEveryValue) {
    for (const Layout& layout : layouts()) {
        SCOPED_TRACE(layout.format);
        const std::string name = layout.format;
        const std::string path = make_clip(
            name + ".nut", "-f lavfi -i testsrc2=size=18x10:rate=5:duration=0.2 -c:v rawvideo -pix_fmt " + name);
        const Raw raw{run("ffmpeg -nostdin -v error -i '" + path + "' -f rawvideo -pix_fmt " + name + " -")};
        const std::vector<device::Picture> pictures = read_pictures(path);
        ASSERT_EQ(pictures.size(), 1U);
        const device::Picture& picture = pictures.front();
        ASSERT_EQ(core::name(picture.desc.format), layout.delivered);
        EXPECT_NE(open_source({.path = path})->info().video_stream().repack_note, "");
        for (int c = 0; c < picture.desc.format.plane_count(); ++c) {
            for (int y = 0; y < core::plane_rows(picture.desc, c); ++y) {
                for (int x = 0; x < core::plane_samples(picture.desc, c); ++x) {
                    ASSERT_EQ(sample(picture, c, x, y), layout.expected(raw, c, x, y)) << c << " " << x << " " << y;
                }
            }
        }
    }
}

TEST(DecoderRepack, DeliversPalettes) {
    const std::string path = make_clip("palette.avi",
                                       "-f lavfi -i color=0x4080C0:size=18x10:rate=5:duration=0.4 -vf "
                                       "format=rgb24,split[a][b],[a]palettegen[p],[b][p]paletteuse "
                                       "-c:v rawvideo -pix_fmt pal8");
    for (const device::Picture& picture : read_pictures(path)) {
        ASSERT_EQ(core::name(picture.desc.format), "gbrp");
        EXPECT_NEAR(sample(picture, 0, 17, 9), 0x40, 2);
        EXPECT_NEAR(sample(picture, 1, 17, 9), 0x80, 2);
        EXPECT_NEAR(sample(picture, 2, 17, 9), 0xC0, 2);
    }
}

TEST(DecoderRepack, NamesLayoutsThatCannotBe) {
    const std::string path = make_clip("float.exr", "-f lavfi -i testsrc2=size=18x10:rate=5:duration=0.2");
    EXPECT_THAT(message_of(core::ErrorCode::bad_input, [&] { (void)read_pictures(path); }),
                testing::HasSubstr("gbrpf32le"));
}

// Bottom-up rows, as raw RGB in AVI has them.
TEST(DecoderRepack, TurnsRowsThatRunUpward) {
    const std::string path = make_clip("upward.avi", "-f lavfi -i testsrc2=size=18x10:rate=5:duration=0.2 -c:v bmp");
    const Raw raw{run("ffmpeg -nostdin -v error -i '" + path + "' -f rawvideo -pix_fmt rgb24 -")};
    const std::vector<device::Picture> pictures = read_pictures(path);
    ASSERT_EQ(pictures.size(), 1U);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < 3; ++c) ASSERT_EQ(sample(pictures[0], c, x, y), raw.byte((y * width + x) * 3 + c));
        }
    }
}

std::vector<std::uint32_t> crcs(const std::vector<Shown>& frames) {
    std::vector<std::uint32_t> out;
    for (const Shown& frame : frames) out.push_back(frame.crc);
    return out;
}

TEST(DecoderDeinterlace, EqualsBwdifAndKeepsTimes) {
    for (const char* length : {"0.04", "0.08", "2"}) {
        SCOPED_TRACE(length);
        const std::string path =
            make_clip("interlaced.mp4", std::string("-f lavfi -i testsrc2=size=192x128:rate=25:duration=") + length +
                                            " -vf setfield=tff -flags +ilme+ildct -g 10 "
                                            "-c:v libx264 -x264-params interlaced=1");
        const auto expected = crcs(ffmpeg_frames(path, "-vf bwdif=mode=send_frame:parity=auto:deint=interlaced"));
        const std::vector<Shown> plain = ffmpeg_frames(path);
        ASSERT_EQ(expected.size(), plain.size());
        std::vector<std::uint32_t> got;
        const auto pictures = read_pictures(path, {.threads = 2, .deinterlace = Deinterlace::bwdif});
        ASSERT_EQ(pictures.size(), plain.size());
        for (std::size_t i = 0; i < pictures.size(); ++i) {
            got.push_back(shown(pictures[i]).crc);
            EXPECT_EQ(pictures[i].pts, plain[i].pts);
            EXPECT_GT(pictures[i].duration, 0);
            EXPECT_FALSE(pictures[i].flags.interlaced);
        }
        EXPECT_EQ(got, expected);
    }
}

TEST(DecoderDeinterlace, SegmentsEqualTheWhole) {
    const std::string path = make_clip("interlaced_long.mp4",
                                       "-f lavfi -i testsrc2=size=192x128:rate=25:duration=3 -vf setfield=tff -flags "
                                       "+ilme+ildct -g 10 -c:v libx264 -x264-params interlaced=1:open-gop=1");
    const SourceOptions options{.path = path};
    const DecoderOptions decoder{.threads = 2, .deinterlace = Deinterlace::bwdif};
    const PacketIndex index = build_index(*open_source(options));
    ASSERT_TRUE(index.segmentable());
    ASSERT_GE(index.access_points.size(), 5U);
    std::vector<Shown> whole;
    for (const device::Picture& picture : read_pictures(path, decoder)) whole.push_back(shown(picture));
    std::vector<Shown> joined;
    const auto reader = open_frame_reader(options, decoder, index);
    for (std::size_t i = 0; i < index.access_points.size(); ++i) {
        FrameRange range{.begin = index.access_points[i].pts};
        if (i + 1 < index.access_points.size()) range.end = index.access_points[i + 1].pts;
        reader->start(range);
        for (device::Picture picture; reader->next(picture);) joined.push_back(shown(picture));
    }
    EXPECT_EQ(joined, whole);
}

TEST(Decoder, DeliversEachSizeAndLayoutOfAStreamThatChanges) {
    const std::string small =
        make_clip("change_a.ts", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v libx264");
    const std::string large = make_clip(
        "change_b.ts",
        "-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 -c:v libx264 -pix_fmt yuv444p -output_ts_offset 1");
    const std::string path = temporary("change.ts");
    run("cat '" + small + "' '" + large + "' > '" + path + "'");
    const std::vector<device::Picture> pictures = read_pictures(path);
    ASSERT_EQ(pictures.size(), 50U);
    EXPECT_EQ(pictures[0].desc.width, 64);
    EXPECT_EQ(core::name(pictures[24].desc.format), "yuv420p");
    EXPECT_EQ(pictures[25].desc.width, 96);
    EXPECT_EQ(core::name(pictures[49].desc.format), "yuv444p");
}

TEST(Decoder, MarksDamage) {
    const std::string path =
        make_clip("damaged_whole.ts", "-f lavfi -i testsrc2=size=192x128:rate=25:duration=2 -c:v libx264 -g 25");
    const std::string damaged = temporary("damaged.ts");
    run("(head -c 23500 '" + path + "'; head -c 3760 /dev/zero; tail -c +27261 '" + path + "') > '" + damaged + "'");
    const SourceOptions options{.path = damaged};
    const PacketIndex index = build_index(*open_source(options));
    const auto reader = open_frame_reader(options, {}, index);
    reader->start({});
    std::int64_t frames = 0;
    for (device::Picture picture; reader->next(picture);) ++frames;
    EXPECT_GT(reader->stats().corrupt_pts.size(), 0U);
    EXPECT_EQ(frames, reader->stats().frames);
    EXPECT_EQ(frames + static_cast<std::int64_t>(reader->stats().missing_pts.size()),
              static_cast<std::int64_t>(index.frame_pts.size()));
}

TEST(Decoder, StartsAgainAfterReset) {
    const std::string path =
        make_clip("reset.mp4", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v libx264 -bf 2");
    const auto source = open_source({.path = path});
    source->video_only();
    const auto decoder = make_decoder(*source, {.threads = 2});
    for (int round = 0; round < 2; ++round) {
        source->seek(nullptr);
        decoder->reset();
        int frames = 0;
        Packet packet;
        device::Picture picture;
        for (core::Receive got = core::Receive::needs_input; got != core::Receive::end;
             got = decoder->receive(picture)) {
            if (got == core::Receive::ready) ++frames;
            if (got != core::Receive::needs_input) continue;
            if (source->read(packet) == ReadResult::end) {
                decoder->finish();
            } else {
                EXPECT_EQ(decoder->send(packet), core::Feed::accepted);
            }
        }
        EXPECT_EQ(frames, 25);
        EXPECT_EQ(decoder->errors(), 0);
    }
}

}  // namespace

}  // namespace millrace::media::test
