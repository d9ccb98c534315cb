#pragma once
// The host's version of ToPicture: the oracle. Private to src/ops.

#include <cstdint>

#include "device/picture.h"
#include "device/tensor.h"
#include "ops/formula.h"
#include "ops/row_kernels.h"
#include "ops/spec.h"

namespace millrace::ops {

/// Everything that ToPicture computes before the first tensor.
struct ToPicturePlan {
    TensorSpec spec;
    int tensor_width = 0;
    int tensor_height = 0;
    core::PictureDesc output;
    CodeScale codes;
    Affine color;
    ToYuv to_yuv;      ///< where Y'CbCr is made of R, G, B
    FromYuv from_yuv;  ///< where R, G, B is made of Y'CbCr numbers
};

/// What the constructor of ToPicture checks and computes; see there.
[[nodiscard]] ToPicturePlan plan_to_picture(const TensorSpec& spec, int tensor_width, int tensor_height,
                                            const core::PictureDesc& output);

/// How chroma of one picture is scaled to the chroma of another; see docs/colour.md.
struct ChromaPlan {
    core::PictureDesc source;
    CodeScale codes;
    ToYuv to_yuv;      ///< where the source is RGB
    FromYuv from_yuv;  ///< where the output is RGB
    AxisWeights x;
    AxisWeights y;
};

/// Throws Error(bad_input) where the two pictures' chroma do not mean the same.
[[nodiscard]] ChromaPlan plan_chroma(const core::PictureDesc& source, const core::PictureDesc& output);

/// A picture whose chroma is borrowed.
struct BorrowedChroma {
    const ChromaPlan& plan;
    const device::Picture& picture;
};

/// Single-threaded; const and reentrant. `chroma` is for Channels::luma, and may be null. Returns the NaN elements
/// seen.
[[nodiscard]] std::int64_t to_picture_host(const ToPicturePlan& plan, const device::Tensor& tensor,
                                           const BorrowedChroma* chroma, const device::Picture& picture);

}  // namespace millrace::ops
