#pragma once
// What the GPUs did during a run, for its report.

#include <optional>
#include <string>

#include "device/cuda/activity.h"
#include "device/device.h"
#include "millrace/report.h"

namespace millrace::engine {

/// Watches from construction to stop(), where the run works on a GPU. A machine that cannot measure that is no error: a
/// note says so.
class GpuWatch {
  public:
    explicit GpuWatch(const std::vector<device::DeviceId>& devices);
    /// All work is done. Writes Report::gpus, or a note.
    void stop(Report& report);

  private:
    std::optional<device::ActivityMonitor> monitor_;
    std::string problem_;
};

}  // namespace millrace::engine
