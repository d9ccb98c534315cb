#pragma once
// A picture with a column or a row more or less, or with its samples at other places, each as it was.

#include "core/picture_desc.h"
#include "device/buffer_pool.h"
#include "device/picture.h"

namespace millrace::pipeline {

/// Whether numbers of one description mean the same in the other: equal range, siting, and a matrix of the same weights
/// (bt470bg and smpte170m are one matrix by two names). Primaries and transfer are carried, never converted.
[[nodiscard]] bool same_meaning(const core::PictureDesc& a, const core::PictureDesc& b);

/// The first columns and rows of `picture` as far as `target` goes; where it goes further, the last column or row
/// again. Formats must be equal. Host pictures. Times and flags are not set.
[[nodiscard]] device::Picture reframe(const device::Picture& picture, const core::PictureDesc& target,
                                      device::BufferPool& pool);

/// The same samples as `format` lays them out (asserted: core::same_samples). Host pictures. Times and flags are not
/// set.
[[nodiscard]] device::Picture repacked(const device::Picture& picture, const core::PixelFormat& format,
                                       device::BufferPool& pool);

}  // namespace millrace::pipeline
