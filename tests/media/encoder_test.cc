// Settings, and what encoders make of them.
#include "media/encoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clips.h"
#include "core/error.h"
#include "media/sink.h"
#include "output.h"
#include "support/error_of.h"

namespace millrace::media {
namespace {

using millrace::test::message_of;
using namespace test;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::HasSubstr;

std::string usage_error(const EncoderRequest& request, const EncoderInput& input = small_input()) {
    return message_of(core::ErrorCode::usage, [&] { (void)resolve_encoder(request, input); });
}

EncoderRequest request_of(const std::string& codec, const std::string& preset = "",
                          std::vector<std::pair<std::string, std::string>> options = {}) {
    EncoderRequest request;
    request.codec = codec;
    request.preset = preset;
    request.options = std::move(options);
    return request;
}

TEST(EncoderSettingsErrors, NameWhatIsTaken) {
    EXPECT_THAT(usage_error(request_of("libx267")), AllOf(HasSubstr("libx267"), HasSubstr("libx264, ")));
    EXPECT_THAT(usage_error(request_of("libx264", "fastest")), AllOf(HasSubstr("fastest"), HasSubstr("veryfast")));
    EXPECT_THAT(usage_error(request_of("ffv1", "fast")), HasSubstr("ffv1 has no presets"));
    EXPECT_THAT(usage_error(request_of("libx264", "", {{"no-such", "1"}})),
                AllOf(HasSubstr("no-such"), HasSubstr("rc-lookahead")));
    EXPECT_THAT(usage_error(request_of("libx264", "", {{"aq-mode", "red"}})),
                AllOf(HasSubstr("aq-mode"), HasSubstr("red")));
    EXPECT_THAT(usage_error(request_of("libx264", "", {{"x264-params", "nothing=1"}})), HasSubstr("nothing"));
    EXPECT_THAT(usage_error(request_of("libx265", "", {{"x265-params", "nothing=1"}})), HasSubstr("nothing"));
    EXPECT_THAT(usage_error(request_of("libx264", "", {{"threads", "auto"}})), HasSubstr("never left to the machine"));
    EncoderRequest request = request_of("prores_ks");
    request.crf = 20;
    EXPECT_THAT(usage_error(request), HasSubstr("no constant rate factor"));
    request = request_of("libx264");
    request.pixel_format = "yuv440p";
    EXPECT_THAT(usage_error(request), AllOf(HasSubstr("yuv440p"), HasSubstr("yuv420p10le")));
    request.pixel_format = "purple";
    EXPECT_THAT(usage_error(request), HasSubstr("no such pixel format"));
}

struct CrfCase {
    std::string codec;
    double highest;
    std::string numbers;
};

class EncoderCrf : public testing::TestWithParam<CrfCase> {};

// Highest: x264 --fullhelp, x265's documentation of --crf, ffmpeg -h encoder=libsvtav1 and libvpx-vp9.
INSTANTIATE_TEST_SUITE_P(Encoders, EncoderCrf,
                         testing::Values(CrfCase{"libx264", 51, "a number from 0 to 51"},
                                         CrfCase{"libx264rgb", 51, "a number from 0 to 51"},
                                         CrfCase{"libx265", 51, "a number from 0 to 51"},
                                         CrfCase{"libsvtav1", 63, "a whole number from 0 to 63"},
                                         CrfCase{"libvpx-vp9", 63, "a whole number from 0 to 63"}),
                         [](const auto& test) { return test.param.codec == "libvpx-vp9" ? "vp9" : test.param.codec; });

TEST_P(EncoderCrf, EndsWhereTheEncodersScaleEnds) {
    const CrfCase& test = GetParam();
    EncoderRequest request = request_of(test.codec);
    for (const double crf : {0.0, test.highest}) {
        request.crf = crf;
        EXPECT_NO_THROW((void)resolve_encoder(request, small_input())) << crf;
    }
    request.crf = test.highest + 9;
    EXPECT_THAT(usage_error(request),
                AllOf(HasSubstr(fmt::format("-crf {}: {} takes {}", test.highest + 9, test.codec, test.numbers)),
                      HasSubstr("lower is better")));
    request.crf = -1;  // FFmpeg's word for "not given"
    EXPECT_THAT(usage_error(request), HasSubstr(test.numbers));
    request.crf.reset();
    request.options = {{"crf", "77"}};
    EXPECT_THAT(usage_error(request), HasSubstr("-e crf=77: " + test.codec + " takes " + test.numbers));
}

TEST(EncoderSettingsErrors, CrfAmongTheEncodersOwnParameters) {
    EXPECT_THAT(usage_error(request_of("libx264", "", {{"x264-params", "ref=2:crf=60"}})),
                AllOf(HasSubstr("-e crf=60: libx264 takes"), HasSubstr("0 to 51")));
    EncoderRequest request = request_of("libvpx-vp9");
    request.crf = 20.5;
    EXPECT_THAT(usage_error(request), HasSubstr("-crf 20.5: libvpx-vp9 takes a whole number"));
    request.codec = "libx264";
    EXPECT_NO_THROW((void)resolve_encoder(request, small_input()));
}

TEST(EncoderSettingsErrors, OddSizesOfferAWayOut) {
    EncoderInput input = small_input();
    input.picture.width = 127;
    const std::string text = usage_error(request_of("libx264"), input);
    EXPECT_THAT(text, AllOf(HasSubstr("even width"), HasSubstr("127x72"), HasSubstr("--pad"), HasSubstr("--crop"),
                            HasSubstr("-pix_fmt yuv444p")));
    EXPECT_THAT(usage_error(request_of("libsvtav1"), input), Not(HasSubstr("yuv444p")));
    EncoderRequest full = request_of("libx265", "ultrafast");
    full.pixel_format = "yuv444p";
    EXPECT_EQ(resolve_encoder(full, input).picture.format.log2_chroma_w, 0);
    EXPECT_EQ(resolve_encoder(request_of("ffv1"), input).picture.width, 127);
}

TEST(EncoderSettings, ContextIsTheRateControlLookahead) {
    const auto frames = [](const EncoderRequest& request) {
        return resolve_encoder(request, small_input()).context_frames;
    };
    EXPECT_EQ(frames(request_of("libx264")), 40);
    EXPECT_EQ(frames(request_of("libx264", "veryfast")), 10);
    EXPECT_EQ(frames(request_of("libx264", "ultrafast")), 0);
    EXPECT_EQ(frames(request_of("libx264", "slow", {{"rc-lookahead", "7"}})), 7);
    EXPECT_EQ(frames(request_of("libx264", "", {{"x264-params", "rc_lookahead=9:ref=2"}})), 9);
    EXPECT_EQ(frames(request_of("libx264", "", {{"g", "12"}})), 12);
    EXPECT_EQ(frames(request_of("libx264", "", {{"tune", "zerolatency"}})), 0);
    EXPECT_EQ(frames(request_of("libx265")), 20);
    EXPECT_EQ(frames(request_of("libx265", "superfast")), 10);
    EXPECT_EQ(frames(request_of("ffv1")), 0);
}

TEST(EncoderSettings, PixelFormatLosesAsLittleAsCanBe) {
    const auto chosen = [](const std::string& codec, const core::PictureDesc& picture) {
        EncoderInput input = small_input();
        input.picture = picture;
        const EncoderSettings settings = resolve_encoder(request_of(codec), input);
        EXPECT_EQ(settings.note.empty(), settings.picture == picture) << settings.note;
        return core::name(settings.picture.format);
    };
    EXPECT_EQ(chosen("libx264", yuv_desc(128, 72, 10)), "yuv420p10le");
    EXPECT_EQ(chosen("libx264", yuv_desc(128, 72, 12)), "yuv420p10le");
    EXPECT_EQ(chosen("libx264", yuv_desc(128, 72, 12, 0, 0)), "yuv444p10le");
    EXPECT_EQ(chosen("libx265", yuv_desc(128, 72, 12, 1, 0)), "yuv422p12le");
    EXPECT_EQ(chosen("prores_ks", yuv_desc(128, 72)), "yuv422p10le");
    EXPECT_EQ(chosen("libsvtav1", yuv_desc(128, 72, 10, 0, 0)), "yuv420p10le");
    core::PictureDesc rgb = yuv_desc(128, 72, 8, 0, 0);
    rgb.format.family = core::ColorFamily::rgb;
    EXPECT_EQ(chosen("libx264", rgb), "yuv444p");
    EXPECT_EQ(chosen("ffv1", rgb), "gbrp");
    EncoderInput input = small_input();
    const EncoderSettings jpeg = resolve_encoder(request_of("mjpeg"), input);
    EXPECT_EQ(jpeg.picture.color.range, core::Range::full);
    EXPECT_THAT(jpeg.note, HasSubstr("full range"));
}

TEST(EncoderSettings, WhatChangesBitsIsSet) {
    const EncoderSettings settings = resolve_encoder(request_of("libx264"), small_input());
    EXPECT_EQ(settings.threads, 4);
    EXPECT_TRUE(settings.segmentable);
    EncoderRequest rate = request_of("libsvtav1", "10");
    EXPECT_TRUE(resolve_encoder(rate, small_input()).deterministic);
    rate.bit_rate = 500'000;
    EXPECT_FALSE(resolve_encoder(rate, small_input()).deterministic);
    // x264 writes its settings into the stream.
    const Encoded encoded = encode(settings, constant_times(2, 0, 512));
    const std::string bytes(reinterpret_cast<const char*>(encoded.packets[0].data.data()),
                            encoded.packets[0].data.size());
    EXPECT_THAT(bytes, AllOf(HasSubstr(" threads=4 "), HasSubstr(" stitchable=1 ")));
}

TEST(EncoderClose, InTheMiddleAndUnused) {
    for (const char* codec : {"libx264", "libx265", "libsvtav1", "libvpx-vp9", "prores_ks", "ffv1"}) {
        EncoderRequest request = request_of(codec);
        if (std::string_view(codec) == "libsvtav1") request.preset = "10";
        const EncoderSettings settings = resolve_encoder(request, small_input());
        static_cast<void>(make_encoder(settings));
        const auto encoder = make_encoder(settings);
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(encoder->send(draw(settings.picture, i, i * 512LL, 512), FrameKind::automatic),
                      core::Feed::accepted);
            Packet packet;
            static_cast<void>(encoder->receive(packet));
        }
    }
}

TEST(EncoderHdr, IsInTheBitstreamAndTheContainer) {
    EncoderInput input = small_input();
    input.picture = yuv_desc(128, 72, 10);
    input.picture.color.matrix = core::Matrix::bt2020_ncl;
    input.picture.color.primaries = 9;
    input.picture.color.transfer = 16;
    input.hdr.mastering = MasteringDisplay{.primaries = {{{{{34000, 50000}, {16000, 50000}}},
                                                          {{{13250, 50000}, {34500, 50000}}},
                                                          {{{7500, 50000}, {3000, 50000}}}}},
                                           .white_point = {{{15635, 50000}, {16450, 50000}}},
                                           .min_luminance = {50, 10000},
                                           .max_luminance = {10'000'000, 10000}};
    input.hdr.light = ContentLight{.max_content = 1000, .max_frame_average = 400};
    for (const char* codec : {"libx265", "libx264"}) {
        const Encoded encoded =
            encode(resolve_encoder(request_of(codec, "ultrafast"), input), constant_times(5, 0, 512));
        const bool hevc = encoded.stream.codec == "hevc";
        // The raw stream has nothing but the bitstream.
        for (const std::string& name :
             {std::string(hevc ? "hdr.hevc" : "hdr.h264"), std::string("hdr.mp4"), std::string("hdr.mkv")}) {
            SCOPED_TRACE(codec + (" " + name));
            const std::string path = temporary(name);
            write_file({.path = path}, encoded);
            const std::string text =
                run("ffprobe -v error -select_streams v -read_intervals %+#1 -show_frames " + path);
            EXPECT_THAT(text, AllOf(HasSubstr("color_space=bt2020nc"), HasSubstr("color_transfer=smpte2084"),
                                    HasSubstr("color_primaries=bt2020"), HasSubstr("chroma_location=left")));
            if (hevc) {
                EXPECT_THAT(text, AllOf(HasSubstr("red_x=34000/50000"), HasSubstr("green_y=34500/50000"),
                                        HasSubstr("blue_x=7500/50000"), HasSubstr("white_point_y=16450/50000")));
                EXPECT_THAT(text, AllOf(HasSubstr("min_luminance=50/10000"), HasSubstr("max_luminance=10000000/10000"),
                                        HasSubstr("max_content=1000"), HasSubstr("max_average=400")));
            } else {  // ffprobe 5.1 does not show H.264's; the bitstream does
                const std::string sei = run("ffmpeg -i " + path + " -c copy -bsf:v trace_headers -f null - 2>&1");
                EXPECT_THAT(sei, AllOf(testing::ContainsRegex("primaries_x.2. .* = 34000"),
                                       testing::ContainsRegex("primaries_y.0. .* = 34500"),
                                       testing::ContainsRegex("max_display_mastering_luminance .* = 10000000"),
                                       testing::ContainsRegex("min_display_mastering_luminance .* = 50")));
                EXPECT_THAT(sei, AllOf(testing::ContainsRegex("max_content_light_level .* = 1000"),
                                       testing::ContainsRegex("max_pic_average_light_level .* = 400")));
            }
            if (!name.starts_with("hdr.h")) {
                const std::string container = run("ffprobe -v error -show_streams " + path);
                EXPECT_THAT(container, AllOf(HasSubstr("red_x"), HasSubstr("max_content=1000")));
            }
        }
    }
}

TEST(EncoderVersion, NamesTheLibrary) {
    EXPECT_THAT(encoder_version("libx264"), testing::MatchesRegex("Lavc[0-9.]+ libx264 [0-9]+.*"));
    EXPECT_THAT(encoder_version("libx265"), testing::MatchesRegex("Lavc[0-9.]+ libx265 [0-9]+.*"));
    EXPECT_THAT(encoder_version("libvpx-vp9"), testing::MatchesRegex("Lavc[0-9.]+ libvpx-vp9 v[0-9.]+.*"));
    EXPECT_THAT(encoder_version("libsvtav1"), testing::MatchesRegex("Lavc[0-9.]+ libsvtav1 v[0-9.]+.*"));
    EXPECT_THAT(encoder_version("ffv1"), testing::MatchesRegex("Lavc[0-9.]+ ffv1"));
}

}  // namespace
}  // namespace millrace::media
