#include "core/picture_desc.h"

#include <cassert>

namespace millrace::core {

namespace {

// Chroma extents round up, so that odd sizes keep their last column and row.
int chroma_extent(int luma, int log2) { return (luma + (1 << log2) - 1) >> log2; }

const char* subsampling(const PixelFormat& format) {
    if (format.log2_chroma_w == 1 && format.log2_chroma_h == 1) return "420";
    if (format.log2_chroma_w == 1) return "422";
    return "444";
}

std::string depth_suffix(const PixelFormat& format) {
    return format.depth == 8 ? "" : std::to_string(format.depth) + "le";
}

std::string semi_planar_name(const PixelFormat& format) {
    const std::string chroma = subsampling(format);
    if (format.depth == 8) return chroma == "420" ? "nv12" : chroma == "422" ? "nv16" : "nv24";
    const char* digit = chroma == "420" ? "0" : chroma == "422" ? "2" : "4";
    return std::string("p") + digit + std::to_string(format.depth) + "le";
}

}  // namespace

bool same_samples(const PixelFormat& a, const PixelFormat& b) {
    PixelFormat moved = a;
    moved.packing = b.packing;
    moved.alignment = b.alignment;
    return moved == b;
}

int PixelFormat::plane_count() const {
    if (family == ColorFamily::gray) return 1;
    return packing == Packing::semi_planar ? 2 : 3;
}

int plane_samples(const PictureDesc& desc, int plane) {
    assert(plane >= 0 && plane < desc.format.plane_count());
    if (plane == 0 || desc.format.family != ColorFamily::yuv) return desc.width;
    const int chroma = chroma_extent(desc.width, desc.format.log2_chroma_w);
    return desc.format.packing == Packing::semi_planar ? 2 * chroma : chroma;
}

int plane_rows(const PictureDesc& desc, int plane) {
    assert(plane >= 0 && plane < desc.format.plane_count());
    if (plane == 0 || desc.format.family != ColorFamily::yuv) return desc.height;
    return chroma_extent(desc.height, desc.format.log2_chroma_h);
}

std::string name(const PixelFormat& format) {
    switch (format.family) {
        case ColorFamily::gray:
            return "gray" + depth_suffix(format);
        case ColorFamily::rgb:
            return "gbrp" + depth_suffix(format);
        case ColorFamily::yuv:
            break;
    }
    if (format.packing == Packing::semi_planar) return semi_planar_name(format);
    return std::string("yuv") + subsampling(format) + "p" + depth_suffix(format);
}

}  // namespace millrace::core
