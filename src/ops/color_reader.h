#pragma once
// Rows of a picture as colour. Private to src/ops.

#include <optional>

#include "ops/picture_rows.h"
#include "ops/row_kernels.h"
#include "ops/to_tensor_host.h"

namespace millrace::ops {

/// Three scratch rows.
struct ColorRow {
    explicit ColorRow(int n)
        : a(static_cast<std::size_t>(n)), b(static_cast<std::size_t>(n)), c(static_cast<std::size_t>(n)) {}
    [[nodiscard]] Rows3 rows() { return {a.data(), b.data(), c.data()}; }

    ScratchRow a;
    ScratchRow b;
    ScratchRow c;
};

/// R, G, B in 0..1, or Y' in 0..1, or Y', Cb, Cr with chroma around 0.5, as the plan's channels say.
class ColorReader {
  public:
    ColorReader(const RowKernels& kernels, const ToTensorPlan& plan, const device::Picture& picture);

    /// Colour of row `y`.
    void row(int y, const Rows3& out);

    /// True for Y'CbCr to R, G, B with chroma halved across; the functions below are for it alone.
    [[nodiscard]] bool halves_chroma() const;
    [[nodiscard]] LumaSamples luma(int y) const { return rows_.luma(y); }
    [[nodiscard]] HalfChroma half_chroma(int y) { return chroma_->half_row(y); }
    /// Colour of the columns from `from` (even) to the end, to the beginning of `out`.
    void rest(const LumaSamples& luma, const HalfChroma& chroma, std::size_t from, const Rows3& out);

  private:
    void luma_number(int plane, int y, float* out);
    void chroma_number(float* row);
    void from_yuv(int y, const Rows3& out);
    void rgb_from_yuv(int y, const Rows3& out);
    void from_gray(int y, const Rows3& out);
    void from_rgb(int y, const Rows3& out);

    const RowKernels& kernels_;
    const ToTensorPlan& plan_;
    PictureRows rows_;
    std::optional<ChromaRows> chroma_;
    ColorRow codes_;
    std::size_t n_;
};

}  // namespace millrace::ops
