#include "ops/picture_view.h"

#include <bit>

namespace millrace::ops {

PictureView view_of(const device::Picture& picture) {
    const core::PictureDesc& desc = picture.desc;
    const core::PixelFormat& format = desc.format;
    PictureView view;
    for (std::size_t p = 0; p < 3; ++p) {
        view.planes[p] = picture.planes.at(p).data;
        view.pitches[p] = picture.planes.at(p).pitch;
    }
    view.width = desc.width;
    view.height = desc.height;
    view.log2_w = format.log2_chroma_w;
    view.log2_h = format.log2_chroma_h;
    view.chroma_width = (desc.width + (1 << view.log2_w) - 1) >> view.log2_w;
    view.chroma_height = (desc.height + (1 << view.log2_h) - 1) >> view.log2_h;
    view.family = format.family;
    view.paired = format.packing == core::Packing::semi_planar;
    view.bytes = format.bytes_per_sample();
    view.shift = format.alignment == core::Alignment::high && format.depth > 8 ? 16 - format.depth : 0;
    view.across = horizontal_site(desc.color.siting);
    view.down = vertical_site(desc.color.siting);
    return view;
}

bool rows_aligned(const PictureView& view) {
    std::uint64_t all = 0;
    for (std::size_t p = 0; p < 3; ++p) {
        if (view.planes[p] == nullptr) continue;
        all |= std::bit_cast<std::uintptr_t>(view.planes[p]) | static_cast<std::uint64_t>(view.pitches[p]);
    }
    return all % 16 == 0;
}

}  // namespace millrace::ops
