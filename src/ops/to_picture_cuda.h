#pragma once
// The GPU's version of ToPicture: the same bytes as the host's. Private to src/ops.

#include "ops/device_tables.h"
#include "ops/nan_counter.h"
#include "ops/to_picture_host.h"

namespace millrace::ops {

/// What the op keeps from run to run. `tables` are of the borrowed chroma, and may be null without it.
struct ToPictureState {
    DeviceTables* tables = nullptr;
    NanCounter& nan;
};

/// Tensor and picture of one run, and the chroma that it borrows, or null.
struct ToPictureWork {
    const device::Tensor& tensor;
    const device::Picture& picture;
    const BorrowedChroma* chroma = nullptr;
};

/// Enqueues; reentrant. The caller keeps the timelines of the tensor and the pictures.
void to_picture_cuda(device::StreamRef stream, const ToPicturePlan& plan, const ToPictureWork& work,
                     const ToPictureState& state);

}  // namespace millrace::ops
