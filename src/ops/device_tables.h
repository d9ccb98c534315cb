#pragma once
// Weight tables of an op, copied to each device that asks, once. Private to src/ops.

#include <map>
#include <mutex>
#include <optional>

#include "device/tensor.h"
#include "ops/row_kernels.h"
#include "ops/to_tensor_pixel.h"

namespace millrace::ops {

/// The tables of both axes in memory of one device. `block` holds it; reading it goes by the block's timeline.
struct AxesOnDevice {
    device::Tensor block;
    WeightsView x;
    WeightsView y;
};

/// Thread-safe. The weights must outlive it.
class DeviceTables {
  public:
    DeviceTables(const AxisWeights& x, const AxisWeights& y) : x_(x), y_(y) {}

    /// Copies them when `device` asks for the first time.
    [[nodiscard]] AxesOnDevice on(device::DeviceId device);

  private:
    const AxisWeights& x_;
    const AxisWeights& y_;
    std::mutex mutex_;
    std::map<int, device::Tensor> blocks_;  ///< by device index
};

}  // namespace millrace::ops
