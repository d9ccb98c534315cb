#include "media/nvidia/sequence.h"

namespace millrace::media::nvidia {

namespace {

constexpr int unspecified = 2;

// 0 and 3 are reserved, or no word at all; identity stands for RGB, which NVDEC is not given.
bool is_said(int code_point) { return code_point != 0 && code_point != unspecified && code_point != 3; }

core::ColorDescription color_of(const CUVIDEOFORMAT& format, const core::ResolvedColor& stream) {
    core::ColorDescription color = stream.value;
    const auto free = [](core::ColorOrigin origin) { return origin != core::ColorOrigin::user; };
    // VP8 knows one matrix, BT.601's (RFC 6386, section 9.2), at any size, whatever the container says.
    if (format.codec == cudaVideoCodec_VP8 && free(stream.matrix_from)) color.matrix = core::Matrix::bt470bg;
    if (format.codec != cudaVideoCodec_H264 && format.codec != cudaVideoCodec_HEVC) return color;
    const auto& said = format.video_signal_description;
    if (is_said(said.matrix_coefficients) && free(stream.matrix_from)) {
        color.matrix = static_cast<core::Matrix>(said.matrix_coefficients);
    }
    if (is_said(said.color_primaries) && free(stream.primaries_from)) color.primaries = said.color_primaries;
    if (is_said(said.transfer_characteristics) && free(stream.transfer_from)) {
        color.transfer = said.transfer_characteristics;
    }
    // 0 is also what streams have that say nothing.
    if (said.video_full_range_flag != 0 && free(stream.range_from)) color.range = core::Range::full;
    return color;
}

}  // namespace

CodedFormat coded_format(const CUVIDEOFORMAT& format) {
    return {.codec = format.codec,
            .chroma = format.chroma_format,
            .depth = format.bit_depth_luma_minus8 + 8,
            .width = static_cast<int>(format.coded_width),
            .height = static_cast<int>(format.coded_height)};
}

bool shows_anything(const CUVIDEOFORMAT& format) {
    const auto& area = format.display_area;
    return area.left >= 0 && area.top >= 0 && area.right > area.left && area.bottom > area.top &&
           area.right <= static_cast<int>(format.coded_width) && area.bottom <= static_cast<int>(format.coded_height);
}

Sequence sequence_of(const CUVIDEOFORMAT& format, const StreamInfo& stream) {
    Sequence out;
    out.format = coded_format(format);
    const auto& area = format.display_area;
    out.left = area.left;
    out.top = area.top;
    out.desc.width = area.right - area.left;
    out.desc.height = area.bottom - area.top;
    out.desc.format = picture_format(out.format);
    out.desc.color = color_of(format, stream.color);
    return out;
}

device::Picture view_of(const Mapped& mapped, int surface_height, const Sequence& sequence, device::DeviceId device) {
    const core::PixelFormat& format = sequence.desc.format;
    // Surfaces are addresses to the driver.
    auto* base = reinterpret_cast<std::byte*>(mapped.address);  // NOLINT(performance-no-int-to-ptr)
    const auto pitch = static_cast<std::ptrdiff_t>(mapped.pitch);
    const std::ptrdiff_t sample = format.bytes_per_sample();
    device::Picture out;
    out.desc = sequence.desc;
    out.device = device;
    for (int plane = 0; plane < format.plane_count(); ++plane) {
        const int log2_w = plane == 0 ? 0 : format.log2_chroma_w;
        const int log2_h = plane == 0 ? 0 : format.log2_chroma_h;
        const bool pairs = plane > 0 && format.packing == core::Packing::semi_planar;
        const std::ptrdiff_t column = sample * (sequence.left >> log2_w) * (pairs ? 2 : 1);
        const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(plane) * surface_height + (sequence.top >> log2_h);
        out.planes.at(static_cast<std::size_t>(plane)) = {base + row * pitch + column, pitch};
    }
    return out;
}

}  // namespace millrace::media::nvidia
