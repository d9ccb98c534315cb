#include "media/nvidia/coded_format.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace millrace::media::nvidia {

namespace {

// No JPEG: the driver offers it, but decodes it by kernels and threads of the host, and maps surfaces before it is
// done.
constexpr std::array<std::pair<std::string_view, cudaVideoCodec>, 9> codecs{{
    {"mpeg1video", cudaVideoCodec_MPEG1},
    {"mpeg2video", cudaVideoCodec_MPEG2},
    {"mpeg4", cudaVideoCodec_MPEG4},
    {"vc1", cudaVideoCodec_VC1},
    {"h264", cudaVideoCodec_H264},
    {"hevc", cudaVideoCodec_HEVC},
    {"vp8", cudaVideoCodec_VP8},
    {"vp9", cudaVideoCodec_VP9},
    {"av1", cudaVideoCodec_AV1},
}};

// Profiles whose tools NVDEC lacks, though their streams may look like others in depth and chroma.
constexpr std::array<std::string_view, 6> strange_profiles{
    "Extended",          "High 4:4:4 Predictive", "High 4:4:4 Intra",
    "CAVLC 4:4:4 Intra", "Simple Studio Profile", "Core Studio Profile"};

// Of MPEG-4 Part 2 only pictures without B-VOPs: an H200 with driver 580 showed others for those whose references lie
// on both sides of a whole second, where modulo_time_base steps (ISO/IEC 14496-2, 6.3.5).
constexpr std::string_view mpeg4_profile = "Simple Profile";

const char* name(cudaVideoChromaFormat chroma) {
    switch (chroma) {
        case cudaVideoChromaFormat_Monochrome:
            return "grey";
        case cudaVideoChromaFormat_420:
            return "4:2:0";
        case cudaVideoChromaFormat_422:
            return "4:2:2";
        default:
            return "4:4:4";
    }
}

cudaVideoChromaFormat chroma_of(const core::PixelFormat& format) {
    if (format.family == core::ColorFamily::gray) return cudaVideoChromaFormat_Monochrome;
    if (format.log2_chroma_h == 1) return cudaVideoChromaFormat_420;
    return format.log2_chroma_w == 1 ? cudaVideoChromaFormat_422 : cudaVideoChromaFormat_444;
}

// Containers give the size that is shown; whole blocks are coded.
int coded_extent(cudaVideoCodec codec, int shown) {
    int block = 16;
    if (codec == cudaVideoCodec_HEVC) block = 8;
    if (codec == cudaVideoCodec_VP9 || codec == cudaVideoCodec_AV1) block = 1;
    return (shown + block - 1) / block * block;
}

std::string kind(const CodedFormat& format) {
    const auto* const codec =
        std::ranges::find(codecs, format.codec, &std::pair<std::string_view, cudaVideoCodec>::second);
    return fmt::format("{} {} {}-bit", codec != codecs.end() ? codec->first : "an unknown codec", name(format.chroma),
                       format.depth);
}

}  // namespace

std::optional<cudaVideoCodec> codec_by_name(const std::string& name) {
    const auto* const codec = std::ranges::find(codecs, name, &std::pair<std::string_view, cudaVideoCodec>::first);
    return codec == codecs.end() ? std::nullopt : std::optional(codec->second);
}

std::string describe(const CodedFormat& format) {
    return fmt::format("{} {}x{}", kind(format), format.width, format.height);
}

Wanted wanted_format(const StreamInfo& stream) {
    const std::optional<cudaVideoCodec> codec = codec_by_name(stream.codec);
    if (!codec) return {.format = {}, .why_not = fmt::format("NVDEC has no {}", stream.codec)};
    const core::PictureDesc& picture = stream.picture;
    if (picture.format.family == core::ColorFamily::rgb) {
        return {.format = {},
                .why_not = fmt::format("{} as {} is not decoded on GPUs", stream.codec, stream.pixel_format)};
    }
    // Repacking is the CPU decoder's.
    if (!stream.repack_note.empty()) {
        return {.format = {},
                .why_not = fmt::format("{} as {} is not decoded on GPUs", stream.codec, stream.pixel_format)};
    }
    if (std::ranges::find(strange_profiles, stream.profile) != strange_profiles.end()) {
        return {.format = {}, .why_not = fmt::format("NVDEC has no {} profile {}", stream.codec, stream.profile)};
    }
    if (codec == cudaVideoCodec_MPEG4 && stream.profile != mpeg4_profile) {
        return {.format = {},
                .why_not = fmt::format("mpeg4 of profile {} may have B-frames, which NVDEC does not show as coded",
                                       stream.profile.empty() ? "unknown" : stream.profile)};
    }
    return {.format = {.codec = *codec,
                       .chroma = chroma_of(picture.format),
                       .depth = picture.format.depth,
                       .width = coded_extent(*codec, picture.width),
                       .height = coded_extent(*codec, picture.height)},
            .why_not = {}};
}

std::string why_not(const Library& library, const CodedFormat& format) {
    CUVIDDECODECAPS caps{};
    caps.eCodecType = format.codec;
    caps.eChromaFormat = format.chroma;
    caps.nBitDepthMinus8 = static_cast<unsigned>(format.depth - 8);
    const InContext context(library);
    const CUresult result = library.known_caps->get(caps, library.call.get_decoder_caps);
    if (result != CUDA_SUCCESS) throw_failure(library, result, "cuvidGetDecoderCaps", kind(format));
    const std::optional<cudaVideoSurfaceFormat> surface = surface_format(format);
    const unsigned layouts = caps.nOutputFormatMask;
    const bool exact = surface && (layouts >> static_cast<unsigned>(*surface) & 1U) != 0;
    if (caps.bIsSupported == 0 || !exact) {
        return fmt::format("cuda:{}: NVDEC does not decode {}", library.index, kind(format));
    }
    const auto width = static_cast<unsigned>(format.width);
    const auto height = static_cast<unsigned>(format.height);
    const auto blocks = ((width + 15) / 16) * ((height + 15) / 16);
    if (width > caps.nMaxWidth || height > caps.nMaxHeight || blocks > caps.nMaxMBCount) {
        return fmt::format("cuda:{}: NVDEC decodes {} up to {}x{}, {} macroblocks, and this is {}x{}", library.index,
                           kind(format), caps.nMaxWidth, caps.nMaxHeight, caps.nMaxMBCount, width, height);
    }
    if (width < caps.nMinWidth || height < caps.nMinHeight) {
        return fmt::format("cuda:{}: NVDEC decodes {} from {}x{} on, and this is {}x{}", library.index, kind(format),
                           caps.nMinWidth, caps.nMinHeight, width, height);
    }
    return {};
}

std::optional<cudaVideoSurfaceFormat> surface_format(const CodedFormat& format) {
    const bool deep = format.depth > 8;
    switch (format.chroma) {
        case cudaVideoChromaFormat_Monochrome:
        case cudaVideoChromaFormat_420:
            return deep ? cudaVideoSurfaceFormat_P016 : cudaVideoSurfaceFormat_NV12;
        case cudaVideoChromaFormat_444:
            return deep ? cudaVideoSurfaceFormat_YUV444_16Bit : cudaVideoSurfaceFormat_YUV444;
        default:
            return std::nullopt;
    }
}

core::PixelFormat picture_format(const CodedFormat& format) {
    core::PixelFormat out;
    out.depth = static_cast<std::uint8_t>(format.depth);
    out.alignment = format.depth > 8 ? core::Alignment::high : core::Alignment::low;
    if (format.chroma == cudaVideoChromaFormat_420) {
        out.packing = core::Packing::semi_planar;
        return out;
    }
    if (format.chroma == cudaVideoChromaFormat_Monochrome) out.family = core::ColorFamily::gray;
    out.log2_chroma_w = 0;
    out.log2_chroma_h = 0;
    return out;
}

}  // namespace millrace::media::nvidia
