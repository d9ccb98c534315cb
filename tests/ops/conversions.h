#pragma once
// Whole pictures through the ops and back, for tests of what comes out.

#include <optional>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/spec.h"

namespace millrace::ops::test {

/// `picture` by ToTensor.
device::Tensor convert(const device::Picture& picture, const TensorSpec& spec,
                       std::optional<ResizeSpec> resize = std::nullopt);
/// `tensor` by ToPicture, as a picture of `desc`.
device::Picture back(const device::Tensor& tensor, const TensorSpec& spec, const core::PictureDesc& desc);

/// The largest difference of two codes in the same place.
int largest_difference(const device::Picture& a, const device::Picture& b);

/// A picture of `family` that is not subsampled.
core::PictureDesc family_desc(core::ColorFamily family, int depth, int width, int height);

}  // namespace millrace::ops::test
