#pragma once
// The same samples at other places: between packings, alignments, and the planes in a tensor.

#include "core/picture_desc.h"
#include "device/picture.h"
#include "device/stream.h"
#include "device/tensor.h"

namespace millrace::ops {

/// The samples of `from` as `to` lays them out, each as it was; one above the depth's largest, which only a tensor can
/// hold, becomes that. Sizes are equal and so are samples (asserted: core::same_samples), both are on the stream's
/// device. On a GPU this enqueues; timelines are kept.
void repack(device::StreamRef stream, const device::Picture& from, const device::Picture& to);

/// The planes in a tensor of core::planes_desc(picture) (asserted), seen as a picture in its memory. Its timeline is
/// the tensor's; times and flags are not set.
[[nodiscard]] device::Picture planes_in(const device::Tensor& tensor, const core::PictureDesc& picture);

}  // namespace millrace::ops
