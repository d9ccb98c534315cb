#pragma once
// Rows of numbers to a picture's planes. Private to src/ops.

#include <array>

#include "device/picture.h"
#include "ops/row_kernels.h"

namespace millrace::ops {

/// Writes plane rows of a host picture, whatever their depth, packing and alignment.
class PictureWriter {
  public:
    PictureWriter(const RowKernels& kernels, const CodeScale& codes, const device::Picture& picture);

    /// Row `y` of plane `index`, numbers 0..1: luma, R, G or B.
    void luma(int index, int y, const float* row) const;
    /// Row `y` of the chroma planes, at their own resolution, numbers -0.5..0.5.
    void chroma(int y, const float* cb, const float* cr) const;

  private:
    const RowKernels& kernels_;
    const device::Picture& picture_;
    Quantizer luma_;
    Quantizer chroma_;
};

/// Brings chroma from luma resolution to the planes', rows in order from the top.
class ChromaDown {
  public:
    ChromaDown(const RowKernels& kernels, const PictureWriter& writer, const core::PictureDesc& desc);
    /// Chroma of luma row `y` = 0, 1, 2, ...; the rows' slack is overwritten.
    void put(int y, float* cb, float* cr);

  private:
    struct Pair {
        ScratchRow cb;
        ScratchRow cr;
    };
    [[nodiscard]] int last_needed(int row) const;
    [[nodiscard]] Pair& kept(int y);
    void write(int row);
    void combine(int row, ScratchRow Pair::* channel);
    void across(float* in, float* out);

    const RowKernels& kernels_;
    const PictureWriter& writer_;
    core::PictureDesc desc_;
    std::size_t width_;
    int rows_;
    Site site_;
    std::array<Pair, 4> kept_;
    Pair out_;
    int next_ = 0;
};

}  // namespace millrace::ops
