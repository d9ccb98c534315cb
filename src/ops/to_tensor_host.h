#pragma once
// The host's version of ToTensor: the oracle. Private to src/ops.

#include <optional>

#include "core/tensor_desc.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/formula.h"
#include "ops/resample.h"

namespace millrace::ops {

/// Resampling in both axes, and where the result goes in the tensor.
struct ResizePlan {
    Placement placement;
    AxisWeights x;
    AxisWeights y;
};

/// Everything that ToTensor computes before the first picture.
struct ToTensorPlan {
    core::PictureDesc input;
    TensorSpec spec;
    core::TensorDesc output;
    int width = 0;   ///< of the tensor; without `resize` at least the picture's (Fit::pad)
    int height = 0;  ///< of the tensor, likewise
    CodeScale codes;
    FromYuv from_yuv;  ///< where a matrix is applied to Y'CbCr
    ToYuv to_yuv;      ///< where luma or chroma is made of R, G, B
    Affine element;
    std::optional<ResizePlan> resize;
};

/// What the constructor of ToTensor checks and computes; see there.
[[nodiscard]] ToTensorPlan plan_to_tensor(const core::PictureDesc& input, const TensorSpec& spec,
                                          const std::optional<ResizeSpec>& resize);

/// Channels in a tensor of this spec.
[[nodiscard]] constexpr int channel_count(Channels channels) { return channels == Channels::luma ? 1 : 3; }

/// Single-threaded; const and reentrant.
void to_tensor_host(const ToTensorPlan& plan, const device::Picture& picture, const device::Tensor& tensor);

}  // namespace millrace::ops
