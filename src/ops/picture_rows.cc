#include "ops/picture_rows.h"

#include <algorithm>
#include <cassert>

namespace millrace::ops {

namespace {

std::size_t extent(int n) { return static_cast<std::size_t>(n); }

int sample_shift(const core::PixelFormat& format) {
    return format.alignment == core::Alignment::high && format.depth > 8 ? 16 - format.depth : 0;
}

template <class T>
const T* row_of(const device::Picture& picture, int plane, int y) {
    const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    return reinterpret_cast<const T*>(view.data + view.pitch * y);
}

}  // namespace

void extend_edges(float* row, int n) {
    constexpr int reach = 2;
    for (int i = 1; i <= reach; ++i) {
        row[-i] = row[0];
        row[n - 1 + i] = row[n - 1];
    }
}

void PictureRows::plane(int index, int y, float* out) const {
    const core::PixelFormat& format = picture_.desc.format;
    const std::size_t n = extent(core::plane_samples(picture_.desc, index));
    if (format.depth == 8) {
        kernels_.widen8(row_of<std::uint8_t>(picture_, index, y), out, n);
    } else {
        kernels_.widen16(row_of<std::uint16_t>(picture_, index, y), sample_shift(format), out, n);
    }
}

LumaSamples PictureRows::luma(int y) const {
    if (picture_.desc.format.depth == 8) return {.narrow = row_of<std::uint8_t>(picture_, 0, y)};
    return {.wide = row_of<std::uint16_t>(picture_, 0, y), .shift = sample_shift(picture_.desc.format)};
}

void PictureRows::chroma(int y, float* cb, float* cr) const {
    const core::PixelFormat& format = picture_.desc.format;
    if (format.packing == core::Packing::planar) {
        plane(1, y, cb);
        plane(2, y, cr);
        return;
    }
    const std::size_t n = extent(core::plane_samples(picture_.desc, 1)) / 2;
    if (format.depth == 8) {
        kernels_.split8(row_of<std::uint8_t>(picture_, 1, y), cb, cr, n);
    } else {
        std::array<float*, 2> out{cb, cr};
        kernels_.split16(row_of<std::uint16_t>(picture_, 1, y), sample_shift(format), out.data(), n);
    }
}

ChromaRows::ChromaRows(const RowKernels& kernels, const device::Picture& picture)
    : kernels_(kernels),
      rows_(kernels, picture),
      desc_(picture.desc),
      width_((picture.desc.width + (1 << picture.desc.format.log2_chroma_w) - 1) >> picture.desc.format.log2_chroma_w),
      height_(core::plane_rows(picture.desc, 1)),
      slots_{Slot{ScratchRow(extent(width_)), ScratchRow(extent(width_))},
             Slot{ScratchRow(extent(width_)), ScratchRow(extent(width_))}},
      blended_cb_(extent(width_)),
      blended_cr_(extent(width_)) {
    assert(picture.desc.format.family == core::ColorFamily::yuv);
}

ChromaRows::Slot& ChromaRows::plane_row(int row) {
    Slot& slot = slots_.at(extent(row % 2));
    if (slot.row != row) {
        rows_.chroma(row, slot.cb.data(), slot.cr.data());
        extend_edges(slot.cb.data(), width_);
        extend_edges(slot.cr.data(), width_);
        slot.row = row;
    }
    return slot;
}

HalfChroma ChromaRows::half_row(int y) {
    const UpTap tap =
        desc_.format.log2_chroma_h == 0 ? UpTap{y, y, 1.0F} : up_tap(vertical_site(desc_.color.siting), y);
    const Site site = horizontal_site(desc_.color.siting);
    Slot& at = plane_row(tap.at);
    const int other_row = std::clamp(tap.other, 0, height_ - 1);
    if (other_row == tap.at) return {at.cb.data(), at.cr.data(), site};
    Slot& other = plane_row(other_row);
    kernels_.blend(at.cb.data(), other.cb.data(), tap.near, blended_cb_.data(), extent(width_));
    kernels_.blend(at.cr.data(), other.cr.data(), tap.near, blended_cr_.data(), extent(width_));
    extend_edges(blended_cb_.data(), width_);
    extend_edges(blended_cr_.data(), width_);
    return {blended_cb_.data(), blended_cr_.data(), site};
}

void ChromaRows::across(const float* in, float* out) {
    if (desc_.format.log2_chroma_w == 0) {
        std::copy_n(in, width_, out);
    } else {
        kernels_.upsample(in, horizontal_site(desc_.color.siting), out, extent(width_));
    }
}

void ChromaRows::row(int y, float* cb, float* cr) {
    const HalfChroma chroma = half_row(y);
    across(chroma.cb, cb);
    across(chroma.cr, cr);
}

}  // namespace millrace::ops
