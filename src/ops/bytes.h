#pragma once
// Bytes and floats.

#include "device/stream.h"
#include "device/tensor.h"

namespace millrace::ops {

/// float32 of the same values: 255 becomes 255.0. `from`: uint8, `to`: float32 of equal shape (asserted), both on the
/// stream's device. On a GPU this enqueues; timelines are kept.
void widen(device::StreamRef stream, const device::Tensor& from, const device::Tensor& to);

/// uint8 of float32 values, rounded half to even and clipped to 0..255; NaN becomes 0. Otherwise as widen().
void narrow(device::StreamRef stream, const device::Tensor& from, const device::Tensor& to);

}  // namespace millrace::ops
