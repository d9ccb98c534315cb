#include "core/planes.h"

#include <fmt/format.h>

#include <cassert>

namespace millrace::core {

PixelFormat planar(PixelFormat format) {
    format.packing = Packing::planar;
    format.alignment = Alignment::low;
    return format;
}

std::string why_no_planes(const PictureDesc& picture) {
    const PixelFormat& format = picture.format;
    if (format.family == ColorFamily::rgb) {
        return fmt::format("the video is {}, which has no yuv planes; declare rgb or bgr", name(format));
    }
    if (picture.width % (1 << format.log2_chroma_w) == 0 && picture.height % (1 << format.log2_chroma_h) == 0)
        return {};
    return fmt::format(
        "the video is {}x{} {}, whose chroma planes fill no whole rows of a tensor; expected an even width{}, or "
        "declare "
        "rgb, bgr or luma",
        picture.width, picture.height, name(format), format.log2_chroma_h > 0 ? " and height" : "");
}

TensorDesc planes_desc(const PictureDesc& picture) {
    assert(why_no_planes(picture).empty());
    const PixelFormat& format = picture.format;
    const std::int64_t width = picture.width;
    const std::int64_t height = picture.height;
    TensorDesc desc{format.depth > 8 ? DType::uint16 : DType::uint8, {height, width}};
    if (format.family == ColorFamily::gray) return desc;
    if (format.log2_chroma_w == 0) {
        desc.shape = {3, height, width};
    } else {
        desc.shape.front() += format.log2_chroma_h > 0 ? height / 2 : height;
    }
    return desc;
}

}  // namespace millrace::core
