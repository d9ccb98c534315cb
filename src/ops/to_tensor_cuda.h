#pragma once
// The GPU's version of ToTensor: the same bytes as the host's. Private to src/ops.

#include "ops/device_tables.h"
#include "ops/to_tensor_host.h"

namespace millrace::ops {

/// Enqueues; const and reentrant. `tables` is for plans with a resize, and may be null otherwise. The caller keeps the
/// timelines of `picture` and `tensor`.
void to_tensor_cuda(device::StreamRef stream, const ToTensorPlan& plan, DeviceTables* tables,
                    const device::Picture& picture, const device::Tensor& tensor);

}  // namespace millrace::ops
