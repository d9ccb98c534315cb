#pragma once
// Rows of a picture as float codes. Private to src/ops.

#include <array>

#include "device/picture.h"
#include "ops/row_kernels.h"

namespace millrace::ops {

/// Reads plane rows of a host picture, whatever their depth, packing and alignment.
class PictureRows {
  public:
    PictureRows(const RowKernels& kernels, const device::Picture& picture) : kernels_(kernels), picture_(picture) {}

    /// Row `y` of a plane with one component, as codes.
    void plane(int index, int y, float* out) const;
    /// Row `y` of the luma plane, where it lies.
    [[nodiscard]] LumaSamples luma(int y) const;
    /// Row `y` of the chroma planes, at their own resolution, as codes.
    void chroma(int y, float* cb, float* cr) const;

  private:
    const RowKernels& kernels_;
    const device::Picture& picture_;
};

/// Chroma rows at luma resolution. Keeps the plane rows that it has read, so each is read once going down.
class ChromaRows {
  public:
    ChromaRows(const RowKernels& kernels, const device::Picture& picture);
    /// Codes of luma row `y`, exact.
    void row(int y, float* cb, float* cr);
    /// The same before going up across: valid until the next call.
    [[nodiscard]] HalfChroma half_row(int y);

  private:
    struct Slot {
        ScratchRow cb;
        ScratchRow cr;
        int row = -1;
    };
    Slot& plane_row(int row);
    void across(const float* in, float* out);

    const RowKernels& kernels_;
    PictureRows rows_;
    core::PictureDesc desc_;
    int width_;
    int height_;
    std::array<Slot, 2> slots_;
    ScratchRow blended_cb_;
    ScratchRow blended_cr_;
};

/// Repeat the first and last of n elements into the slack, as far as the filters reach.
void extend_edges(float* row, int n);

}  // namespace millrace::ops
