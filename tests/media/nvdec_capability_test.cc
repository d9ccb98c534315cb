// What NVDEC is asked for, and how a refusal reads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "media/clips.h"
#include "media/decoder.h"
#include "media/fake_nvdec.h"
#include "media/nvidia/coded_format.h"
#include "media/source.h"

namespace millrace::media::test {

namespace {

using nvidia::CodedFormat;
using testing::HasSubstr;

StreamInfo stream_of(const std::string& codec, const core::PixelFormat& format = {}) {
    StreamInfo stream;
    stream.codec = codec;
    stream.pixel_format = core::name(format);
    stream.picture = {.width = 1920, .height = 1080, .format = format, .color = {}};
    return stream;
}

TEST(NvdecCapability, AsksForWhatTheContainerNames) {
    const CodedFormat h264 = nvidia::wanted_format(stream_of("h264")).format;
    EXPECT_EQ(nvidia::describe(h264), "h264 4:2:0 8-bit 1920x1088");
    const core::PixelFormat deep{.depth = 10, .log2_chroma_w = 0, .log2_chroma_h = 0};
    EXPECT_EQ(nvidia::describe(nvidia::wanted_format(stream_of("hevc", deep)).format), "hevc 4:4:4 10-bit 1920x1080");
    const core::PixelFormat gray{.family = core::ColorFamily::gray, .log2_chroma_w = 0, .log2_chroma_h = 0};
    EXPECT_EQ(nvidia::describe(nvidia::wanted_format(stream_of("h264", gray)).format), "h264 grey 8-bit 1920x1088");
    for (const char* codec : {"mpeg1video", "mpeg2video", "vc1", "vp8", "vp9", "av1"}) {
        EXPECT_EQ(nvidia::wanted_format(stream_of(codec)).why_not, "") << codec;
    }
    StreamInfo mpeg4 = stream_of("mpeg4");
    mpeg4.profile = "Simple Profile";
    EXPECT_EQ(nvidia::wanted_format(mpeg4).why_not, "");
}

TEST(NvdecCapability, KnowsWhatNoChipDecodes) {
    EXPECT_EQ(nvidia::wanted_format(stream_of("prores")).why_not, "NVDEC has no prores");
    EXPECT_EQ(nvidia::wanted_format(stream_of("mjpeg")).why_not, "NVDEC has no mjpeg");
    const core::PixelFormat rgb{.family = core::ColorFamily::rgb, .log2_chroma_w = 0, .log2_chroma_h = 0};
    EXPECT_EQ(nvidia::wanted_format(stream_of("h264", rgb)).why_not, "h264 as gbrp is not decoded on GPUs");
    StreamInfo lossless = stream_of("h264");
    lossless.profile = "High 4:4:4 Predictive";
    EXPECT_EQ(nvidia::wanted_format(lossless).why_not, "NVDEC has no h264 profile High 4:4:4 Predictive");
    EXPECT_EQ(nvidia::wanted_format(stream_of("mpeg4")).why_not,
              "mpeg4 of profile unknown may have B-frames, which NVDEC does not show as coded");
    StreamInfo alpha = stream_of("vp9");
    alpha.pixel_format = "yuva420p";
    alpha.repack_note = "yuva420p: delivered as yuv420p, alpha is dropped";
    EXPECT_EQ(nvidia::wanted_format(alpha).why_not, "vp9 as yuva420p is not decoded on GPUs");
}

TEST(NvdecCapability, AsksTheChip) {
    FakeNvdec fake;
    CodedFormat format{.codec = cudaVideoCodec_HEVC, .width = 1920, .height = 1080};
    EXPECT_EQ(nvidia::why_not(fake.library, format), "");
    format.chroma = cudaVideoChromaFormat_422;
    EXPECT_EQ(nvidia::why_not(fake.library, format), "cuda:3: NVDEC does not decode hevc 4:2:2 8-bit");
    format.chroma = cudaVideoChromaFormat_444;
    format.depth = 12;
    fake.caps.nOutputFormatMask = 7;  // no deep 4:4:4
    EXPECT_EQ(nvidia::why_not(fake.library, format), "cuda:3: NVDEC does not decode hevc 4:4:4 12-bit");
    fake.caps.bIsSupported = 0;
    format = {.codec = cudaVideoCodec_AV1, .width = 1920, .height = 1080};
    EXPECT_EQ(nvidia::why_not(fake.library, format), "cuda:3: NVDEC does not decode av1 4:2:0 8-bit");
    EXPECT_EQ(fake.contexts, 0);
}

// Asking takes longer than decoding a picture.
TEST(NvdecCapability, AsksOnceForEveryKindOfStream) {
    FakeNvdec fake;
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(nvidia::why_not(fake.library, {.width = 1920, .height = 1088}), "");
        EXPECT_EQ(nvidia::why_not(fake.library, {.width = 640, .height = 368}), "");
    }
    EXPECT_EQ(fake.caps_asked, 1);
    EXPECT_EQ(nvidia::why_not(fake.library, {.depth = 10, .width = 640, .height = 368}), "");
    EXPECT_EQ(fake.caps_asked, 2);
}

TEST(NvdecCapability, AsksForSizes) {
    FakeNvdec fake;
    fake.caps.nMaxMBCount = 1000;
    EXPECT_EQ(nvidia::why_not(fake.library, {.width = 4112, .height = 16}),
              "cuda:3: NVDEC decodes h264 4:2:0 8-bit up to 4096x4096, 1000 macroblocks, and this is 4112x16");
    EXPECT_THAT(nvidia::why_not(fake.library, {.width = 1920, .height = 1088}), HasSubstr("this is 1920x1088"));
    EXPECT_EQ(nvidia::why_not(fake.library, {.width = 32, .height = 32}),
              "cuda:3: NVDEC decodes h264 4:2:0 8-bit from 48x16 on, and this is 32x32");
    EXPECT_EQ(nvidia::why_not(fake.library, {.width = 48, .height = 16}), "");
}

TEST(NvdecCapability, AnswersForAFile) {
    const std::string path =
        make_clip("capability.mp4", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2 -c:v libx264");
    const auto source = open_source({.path = path});
    DecoderOptions options{.threads = 1, .deinterlace = Deinterlace::bwdif};
    options.device = {device::DeviceKind::cuda, 63};
    EXPECT_EQ(why_not_on_gpu(*source, options), "bwdif deinterlaces on the CPU");
    options.deinterlace = Deinterlace::off;
    const auto reason = why_not_on_gpu(*source, options);  // no machine has so many
    ASSERT_TRUE(reason);
    EXPECT_THAT(*reason, HasSubstr("cuda:63: "));
}

TEST(NvdecCapability, NamesTheLayoutOnAGpu) {
    EXPECT_EQ(core::name(format_on_gpu({})), "nv12");
    EXPECT_EQ(core::name(format_on_gpu({.depth = 10})), "p010le");
    const core::PixelFormat full = format_on_gpu({.depth = 12, .log2_chroma_w = 0, .log2_chroma_h = 0});
    EXPECT_EQ(full.packing, core::Packing::planar);
    EXPECT_EQ(full.alignment, core::Alignment::high);
    for (const int depth : {8, 10, 12}) {
        for (const auto chroma : {cudaVideoChromaFormat_420, cudaVideoChromaFormat_444}) {
            const auto log2 = static_cast<std::uint8_t>(chroma == cudaVideoChromaFormat_420 ? 1 : 0);
            EXPECT_EQ(format_on_gpu(
                          {.depth = static_cast<std::uint8_t>(depth), .log2_chroma_w = log2, .log2_chroma_h = log2}),
                      nvidia::picture_format({.chroma = chroma, .depth = depth}));
        }
    }
}

}  // namespace

}  // namespace millrace::media::test
