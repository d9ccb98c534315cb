#include "media/ffmpeg/encoder_nvenc.h"

#include <fmt/format.h>

#include <array>

namespace millrace::media::ffmpeg {

namespace {

using core::Error;
using core::ErrorCode;

constexpr core::PixelFormat full{.log2_chroma_w = 0, .log2_chroma_h = 0};
constexpr core::PixelFormat full_10{
    .depth = 10, .log2_chroma_w = 0, .log2_chroma_h = 0, .alignment = core::Alignment::high};
constexpr core::PixelFormat p010{
    .depth = 10, .packing = core::Packing::semi_planar, .alignment = core::Alignment::high};

/// What FFmpeg, or NVENC through it, says, and what it means.
struct Refusal {
    std::string_view words;
    ErrorCode code;
    const char* meaning;
};

// The words are libavcodec's (nvenc.c, versions 4 to 7) and those of its table of NVENC's status codes.
constexpr std::array<Refusal, 6> refusals{{
    {"Cannot load libnvidia-encode", ErrorCode::usage,
     "libnvidia-encode.so.1 cannot be loaded; NVIDIA's driver brings it (in containers: "
     "NVIDIA_DRIVER_CAPABILITIES=video), and GPUs without NVENC (A100, H100, H200, B200) need none"},
    {"unsupported device", ErrorCode::usage, "this GPU has no NVENC, as A100, H100, H200 and B200 have none"},
    {"no encode device", ErrorCode::usage, "this GPU has no NVENC, as A100, H100, H200 and B200 have none"},
    {"Codec not supported", ErrorCode::usage, "this GPU's NVENC does not make this codec"},
    {"required nvenc API version", ErrorCode::usage,
     "the driver is too old for the installed FFmpeg; install a newer one"},
    {"OpenEncodeSessionEx failed: out of memory", ErrorCode::failed,
     "NVENC opens no further session: other programs have them, or the GPU's memory is used up; run again later, or "
     "with fewer --lanes"},
}};

}  // namespace

std::vector<EncoderFormat> nvenc_formats(std::string_view codec) {
    std::vector<EncoderFormat> formats{{AV_PIX_FMT_YUV420P, core::PixelFormat{}}};
    if (codec != "h264_nvenc") formats.push_back({AV_PIX_FMT_P010, p010});
    if (codec != "av1_nvenc") formats.push_back({AV_PIX_FMT_YUV444P, full});
    if (codec == "hevc_nvenc") formats.push_back({AV_PIX_FMT_YUV444P16, full_10});
    return formats;
}

std::string cpu_encoder(std::string_view codec) {
    if (codec == "hevc_nvenc") return "libx265";
    return codec == "av1_nvenc" ? "libsvtav1" : "libx264";
}

void check_nvenc_device(const std::string& codec, device::DeviceId device) {
    if (device.kind == device::DeviceKind::cuda) return;
    throw Error(ErrorCode::usage,
                fmt::format("-c:v {}: NVENC encodes on a GPU, and the job runs on {}; add --device cuda, or encode on "
                            "the CPU with -c:v {}",
                            codec, device::to_string(device), cpu_encoder(codec)));
}

Error nvenc_refusal(const EncoderSettings& settings, const std::string& gpu, const std::string& words) {
    const std::string& codec = settings.request.codec;
    for (const Refusal& refusal : refusals) {
        if (words.find(refusal.words) == std::string::npos) continue;
        return {refusal.code, fmt::format("-c:v {}: {}: {}; -c:v {} encodes on the CPU (FFmpeg: {})", codec, gpu,
                                          refusal.meaning, cpu_encoder(codec), words)};
    }
    return {ErrorCode::usage, fmt::format("-c:v {}: {}: NVENC refuses {}x{} {} with these settings: {}; -c:v {} "
                                          "encodes on the CPU",
                                          codec, gpu, settings.picture.width, settings.picture.height,
                                          core::name(settings.picture.format), words, cpu_encoder(codec))};
}

}  // namespace millrace::media::ffmpeg
