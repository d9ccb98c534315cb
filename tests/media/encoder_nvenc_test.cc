// NVENC as far as it goes without one: layouts, options, and what is said where there is none.
#include "media/ffmpeg/encoder_nvenc.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "clips.h"
#include "core/error.h"
#include "media/ffmpeg/encoder_context.h"
#include "output.h"
#include "support/error_of.h"

namespace millrace::media::ffmpeg {
namespace {

using millrace::test::error_of;
using namespace media::test;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};

EncoderRequest request_of(const std::string& codec, std::vector<std::pair<std::string, std::string>> options = {}) {
    EncoderRequest request;
    request.codec = codec;
    request.options = std::move(options);
    return request;
}

EncoderInput input_of(std::uint8_t depth, std::uint8_t log2_w = 1, std::uint8_t log2_h = 1) {
    EncoderInput input = small_input();
    input.picture = yuv_desc(256, 144, depth, log2_w, log2_h);
    input.device = gpu;
    return input;
}

/// Of an encoder that is not opened, as FFmpeg prints them.
std::map<std::string, std::string> options_of(const EncoderRequest& request) {
    EncoderSettings settings = decide_encoder(request, input_of(8));
    settings.device = {};
    const CodecHandle context = configure_encoder(settings);
    std::map<std::string, std::string> values;
    for (const char* name : {"preset", "rc", "cq", "qp", "b", "g", "bf", "forced-idr", "rc-lookahead"}) {
        std::uint8_t* text = nullptr;
        if (av_opt_get(context.get(), name, AV_OPT_SEARCH_CHILDREN, &text) < 0) continue;
        values[name] = reinterpret_cast<const char*>(text);
        av_free(text);
    }
    return values;
}

TEST(Nvenc, NeedsAGpuInTheJob) {
    EncoderInput input = input_of(8);
    input.device = {};
    const core::Error error = error_of([&] { (void)resolve_encoder(request_of("hevc_nvenc"), input); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_STREQ(
        error.what(),
        "-c:v hevc_nvenc: NVENC encodes on a GPU, and the job runs on cpu; add --device cuda, or encode on the "
        "CPU with -c:v libx265");
}

TEST(Nvenc, OthersStayOnTheCpu) {
    EXPECT_EQ(resolve_encoder(request_of("libx264"), input_of(8)).device, device::DeviceId{});
    EXPECT_EQ(decide_encoder(request_of("h264_nvenc"), input_of(8)).device, gpu);
}

TEST(Nvenc, IsFedWithWhatItTakes) {
    const auto fed = [](const std::string& codec, const EncoderInput& input, const std::string& format = "") {
        EncoderRequest request = request_of(codec);
        request.pixel_format = format;
        const EncoderSettings settings = decide_encoder(request, input);
        return core::name(settings.picture.format) + (settings.note.empty() ? "" : ", noted");
    };
    EXPECT_EQ(fed("h264_nvenc", input_of(8)), "yuv420p");
    EXPECT_EQ(fed("h264_nvenc", input_of(10)), "yuv420p, noted");
    EXPECT_EQ(fed("h264_nvenc", input_of(8, 0, 0)), "yuv444p");
    EXPECT_EQ(fed("hevc_nvenc", input_of(8)), "yuv420p");
    EXPECT_EQ(fed("hevc_nvenc", input_of(10)), "p010le");
    EXPECT_EQ(fed("hevc_nvenc", input_of(12)), "p010le, noted");
    EXPECT_EQ(fed("hevc_nvenc", input_of(10, 0, 0)), "yuv444p10le");
    EXPECT_EQ(fed("hevc_nvenc", input_of(8), "yuv420p10le"), "p010le");
    EXPECT_EQ(fed("hevc_nvenc", input_of(8), "p010le"), "p010le");
    const EncoderSettings deep = decide_encoder(request_of("hevc_nvenc"), input_of(10, 0, 0));
    EXPECT_EQ(deep.picture.format.alignment, core::Alignment::high);
    EXPECT_EQ(encoder_pixel_format(deep), AV_PIX_FMT_YUV444P16);
    EncoderInput odd = input_of(8);
    odd.picture.width = 255;
    EXPECT_THAT(error_of([&] { (void)decide_encoder(request_of("h264_nvenc"), odd); }).what(),
                AllOf(HasSubstr("h264_nvenc needs an even width"), HasSubstr("-pix_fmt yuv444p")));
    EncoderRequest request = request_of("h264_nvenc");
    request.pixel_format = "yuv420p10le";
    EXPECT_THAT(error_of([&] { (void)decide_encoder(request, input_of(8)); }).what(), HasSubstr("yuv420p, yuv444p"));
}

TEST(Nvenc, QualityIsTheTargetOfItsVariableBitRate) {
    for (const auto& [codec, quality] :
         std::map<std::string, std::string>{{"h264_nvenc", "23"}, {"hevc_nvenc", "28"}}) {
        SCOPED_TRACE(codec);
        auto options = options_of(request_of(codec));
        EXPECT_EQ(options["rc"], "1");  // vbr: ffmpeg -h encoder=h264_nvenc
        EXPECT_EQ(std::stod(options["cq"]), std::stod(quality));
        EXPECT_EQ(options["b"], "0");
        EXPECT_EQ(options["forced-idr"], "true");
        EncoderRequest request = request_of(codec);
        request.crf = 19.5;
        request.bit_rate = 5'000'000;  // as with x264, the factor wins
        request.preset = "p6";
        options = options_of(request);
        EXPECT_EQ(std::stod(options["cq"]), 19.5);
        EXPECT_EQ(options["b"], "0");
        EXPECT_EQ(options["preset"], "17");
        request.crf.reset();
        options = options_of(request);
        EXPECT_EQ(options["rc"], "1");
        EXPECT_EQ(std::stod(options["cq"]), 0);
        EXPECT_EQ(options["b"], "5000000");
    }
}

TEST(Nvenc, TheUsersOwnRateControlStands) {
    auto options = options_of(request_of("h264_nvenc", {{"rc", "constqp"}, {"qp", "21"}}));
    EXPECT_EQ(options["rc"], "0");
    EXPECT_EQ(options["qp"], "21");
    EXPECT_EQ(std::stod(options["cq"]), 0);
    options = options_of(request_of("hevc_nvenc", {{"rc", "cbr"}, {"b", "3M"}}));
    EXPECT_EQ(options["rc"], "2");
    EXPECT_EQ(options["b"], "3000000");
}

TEST(Nvenc, LooksAheadWhereAskedTo) {
    EXPECT_EQ(decide_encoder(request_of("h264_nvenc"), input_of(8)).context_frames, 0);
    const EncoderSettings ahead = decide_encoder(request_of("h264_nvenc", {{"rc-lookahead", "20"}}), input_of(8));
    EXPECT_EQ(ahead.context_frames, 20);
    EXPECT_TRUE(ahead.segmentable);
}

TEST(Nvenc, SettingsOffItsScalesAreRefused) {
    const auto said = [](const EncoderRequest& request) {
        const core::Error error = error_of([&] { (void)options_of(request); });
        EXPECT_EQ(error.code(), core::ErrorCode::usage);
        return std::string(error.what());
    };
    EncoderRequest request = request_of("h264_nvenc");
    for (const double crf : {0.0, 52.0}) {
        request.crf = crf;
        EXPECT_THAT(said(request), HasSubstr("h264_nvenc takes a number from 1 to 51"));
    }
    request.crf.reset();
    request.preset = "veryfast";
    EXPECT_THAT(said(request), AllOf(HasSubstr("no such preset"), HasSubstr("p4, p1")));
    EXPECT_THAT(said(request_of("h264_nvenc", {{"q", "3"}})), HasSubstr("-e rc=constqp -e qp=N"));
    EXPECT_THAT(said(request_of("h264_nvenc", {{"no-such", "1"}})), HasSubstr("h264_nvenc has no option 'no-such'"));
}

// On the left what FFmpeg 5.1 prints. A GPU's own answer: "unsupported device (2)".
TEST(Nvenc, ARefusalNamesTheGpuAndAWayOut) {
    EncoderSettings settings = decide_encoder(request_of("hevc_nvenc"), input_of(10));
    const std::string h100 = "cuda:0 (NVIDIA H100 80GB HBM3)";
    const auto refusal = [&](const std::string& words) { return nvenc_refusal(settings, h100, words); };
    const core::Error none =
        refusal("[hevc_nvenc @ 0x1] OpenEncodeSessionEx failed: unsupported device (2): (no details)");
    EXPECT_EQ(none.code(), core::ErrorCode::usage);
    EXPECT_THAT(none.what(), StartsWith("-c:v hevc_nvenc: " + h100 + ": this GPU has no NVENC"));
    EXPECT_THAT(none.what(), HasSubstr("-c:v libx265 encodes on the CPU"));
    const core::Error library = refusal("[hevc_nvenc @ 0x1] Cannot load libnvidia-encode.so.1");
    EXPECT_EQ(library.code(), core::ErrorCode::usage);
    EXPECT_THAT(library.what(), HasSubstr(h100 + ": libnvidia-encode.so.1 cannot be loaded"));
    EXPECT_THAT(refusal("Driver does not support the required nvenc API version. Required: 12.1 Found: 11.0").what(),
                AllOf(HasSubstr("the driver is too old"), HasSubstr("Required: 12.1 Found: 11.0")));
    EXPECT_THAT(refusal("Codec not supported; Provided device doesn't support required NVENC features").what(),
                HasSubstr("does not make this codec"));
    const core::Error busy = refusal("OpenEncodeSessionEx failed: out of memory (10): (no details)");
    EXPECT_EQ(busy.code(), core::ErrorCode::failed);
    EXPECT_THAT(busy.what(), HasSubstr("--lanes"));
    EXPECT_THAT(refusal("10 bit encode not supported").what(),
                HasSubstr("NVENC refuses 256x144 p010le with these settings: 10 bit encode not supported"));
}

// FFmpeg has h264_nvenc and hevc_nvenc on every machine; what it says of this one's GPU, or of its lack, comes through.
TEST(Nvenc, WithoutADriverTheDeviceIsNamed) {
    if (avcodec_find_encoder_by_name("av1_nvenc") == nullptr) {  // before FFmpeg 6
        EXPECT_THAT(error_of([&] { (void)resolve_encoder(request_of("av1_nvenc"), input_of(8)); }).what(),
                    HasSubstr("the installed FFmpeg was built without it"));
    }
    EncoderInput input = input_of(8);
    input.device.index = 63;  // no machine has that many
    const core::Error error = error_of([&] { (void)resolve_encoder(request_of("h264_nvenc"), input); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(), StartsWith("cuda:63: "));
}

}  // namespace
}  // namespace millrace::media::ffmpeg
