#pragma once
// The GPU's versions of widen and narrow. Private to src/ops.

#include <cstdint>

#include "device/device.h"

namespace millrace::ops {

/// Enqueues. The caller keeps the timelines.
void widen_cuda(device::StreamRef stream, const std::uint8_t* from, float* to, std::int64_t count);
void narrow_cuda(device::StreamRef stream, const float* from, std::uint8_t* to, std::int64_t count);

}  // namespace millrace::ops
