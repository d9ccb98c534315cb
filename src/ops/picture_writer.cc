#include "ops/picture_writer.h"

#include <algorithm>

#include "ops/picture_rows.h"

namespace millrace::ops {

namespace {

template <class T>
T* row_of(const device::Picture& picture, int plane, int y) {
    const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    return reinterpret_cast<T*>(view.data + view.pitch * y);
}

std::size_t chroma_width(const core::PictureDesc& desc) {
    const int unit = 1 << desc.format.log2_chroma_w;
    return static_cast<std::size_t>((desc.width + unit - 1) / unit);
}

}  // namespace

PictureWriter::PictureWriter(const RowKernels& kernels, const CodeScale& codes, const device::Picture& picture)
    : kernels_(kernels), picture_(picture) {
    const core::PixelFormat& format = picture.desc.format;
    const bool high = format.alignment == core::Alignment::high && format.depth > 8;
    const int shift = high ? 16 - format.depth : 0;
    luma_ = {codes.luma_span, codes.luma_offset, codes.maximum, shift};
    chroma_ = {codes.chroma_span, codes.chroma_offset, codes.maximum, shift};
}

void PictureWriter::luma(int index, int y, const float* row) const {
    const auto n = static_cast<std::size_t>(picture_.desc.width);
    if (picture_.desc.format.depth == 8) {
        kernels_.narrow8(row, luma_, row_of<std::uint8_t>(picture_, index, y), n);
    } else {
        kernels_.narrow16(row, luma_, row_of<std::uint16_t>(picture_, index, y), n);
    }
}

void PictureWriter::chroma(int y, const float* cb, const float* cr) const {
    const core::PixelFormat& format = picture_.desc.format;
    const std::size_t n = chroma_width(picture_.desc);
    const std::array<const float*, 2> rows{cb, cr};
    if (format.packing == core::Packing::semi_planar) {
        if (format.depth == 8) {
            kernels_.pair8(rows.data(), chroma_, row_of<std::uint8_t>(picture_, 1, y), n);
        } else {
            kernels_.pair16(rows.data(), chroma_, row_of<std::uint16_t>(picture_, 1, y), n);
        }
        return;
    }
    for (int plane = 1; plane <= 2; ++plane) {
        const float* row = rows.at(static_cast<std::size_t>(plane - 1));
        if (format.depth == 8) {
            kernels_.narrow8(row, chroma_, row_of<std::uint8_t>(picture_, plane, y), n);
        } else {
            kernels_.narrow16(row, chroma_, row_of<std::uint16_t>(picture_, plane, y), n);
        }
    }
}

ChromaDown::ChromaDown(const RowKernels& kernels, const PictureWriter& writer, const core::PictureDesc& desc)
    : kernels_(kernels),
      writer_(writer),
      desc_(desc),
      width_(chroma_width(desc)),
      rows_(core::plane_rows(desc, 1)),
      site_(vertical_site(desc.color.siting)),
      kept_{Pair{ScratchRow(width_), ScratchRow(width_)}, Pair{ScratchRow(width_), ScratchRow(width_)},
            Pair{ScratchRow(width_), ScratchRow(width_)}, Pair{ScratchRow(width_), ScratchRow(width_)}},
      out_{ScratchRow(width_), ScratchRow(width_)} {}

ChromaDown::Pair& ChromaDown::kept(int y) {
    return kept_.at(static_cast<std::size_t>(std::clamp(y, 0, desc_.height - 1) % 4));
}

int ChromaDown::last_needed(int row) const {
    return std::min(2 * row + (site_ == Site::first ? 1 : 2), desc_.height - 1);
}

void ChromaDown::across(float* in, float* out) {
    if (desc_.format.log2_chroma_w == 0) {
        std::copy_n(in, width_, out);
        return;
    }
    extend_edges(in, desc_.width);
    kernels_.downsample(in, horizontal_site(desc_.color.siting), out, width_);
}

void ChromaDown::put(int y, float* cb, float* cr) {
    if (desc_.format.log2_chroma_h == 0) {
        across(cb, out_.cb.data());
        across(cr, out_.cr.data());
        writer_.chroma(y, out_.cb.data(), out_.cr.data());
        return;
    }
    across(cb, kept(y).cb.data());
    across(cr, kept(y).cr.data());
    while (next_ < rows_ && last_needed(next_) <= y) write(next_++);
}

void ChromaDown::write(int row) {
    combine(row, &Pair::cb);
    combine(row, &Pair::cr);
    writer_.chroma(row, out_.cb.data(), out_.cr.data());
}

void ChromaDown::combine(int row, ScratchRow Pair::* channel) {
    const int at = site_ == Site::second ? 2 * row + 1 : 2 * row;
    const std::array<const float*, 4> in{(kept(at - 1).*channel).data(), (kept(at).*channel).data(),
                                         (kept(at + 1).*channel).data(), (kept(at + 2).*channel).data()};
    if (site_ == Site::midway) {
        kernels_.down_midway(in.data(), (out_.*channel).data(), width_);
    } else {
        kernels_.down_cosited(in.data(), (out_.*channel).data(), width_);
    }
}

}  // namespace millrace::ops
