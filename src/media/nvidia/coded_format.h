#pragma once
// What NVDEC is asked to decode, and what it gives. Private to src/media/nvidia.

#include <optional>
#include <string>

#include "core/picture_desc.h"
#include "media/nvidia/library.h"
#include "media/source.h"

namespace millrace::media::nvidia {

/// A stream as NVDEC distinguishes them. Sizes are coded ones, in samples.
struct CodedFormat {
    cudaVideoCodec codec = cudaVideoCodec_H264;
    cudaVideoChromaFormat chroma = cudaVideoChromaFormat_420;
    int depth = 8;
    int width = 0;
    int height = 0;

    friend bool operator==(const CodedFormat&, const CodedFormat&) = default;
};

/// NVDEC's codec for FFmpeg's name of one.
[[nodiscard]] std::optional<cudaVideoCodec> codec_by_name(const std::string& name);
/// "hevc 4:4:4 10-bit 1920x1080".
[[nodiscard]] std::string describe(const CodedFormat& format);

/// A container's word on a stream; a reason where NVDEC has no such thing at all.
struct Wanted {
    CodedFormat format;
    std::string why_not;  ///< empty: ask the chip
};
[[nodiscard]] Wanted wanted_format(const StreamInfo& stream);

/// Empty, or why the chip cannot decode the format exactly: "cuda:0: NVDEC does not decode h264 4:2:2 8-bit".
[[nodiscard]] std::string why_not(const Library& library, const CodedFormat& format);

/// The layout of surfaces that holds all samples of the format. nullopt: none (4:2:2).
[[nodiscard]] std::optional<cudaVideoSurfaceFormat> surface_format(const CodedFormat& format);
/// The layout of pictures made of such surfaces: grey, semi-planar 4:2:0, planar 4:4:4; deep samples in the high bits.
[[nodiscard]] core::PixelFormat picture_format(const CodedFormat& format);

}  // namespace millrace::media::nvidia
