#pragma once
// What the GPUs really did, as CUPTI saw it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "device/copy_ledger.h"

namespace millrace::device {

struct CopyActivity {
    std::int64_t count = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;  ///< in which at least one such copy ran
};

struct DeviceActivity {
    int index = 0;              ///< "cuda:0" is 0
    double kernel_seconds = 0;  ///< in which at least one kernel ran: the union of their intervals
    std::int64_t kernels = 0;
    CopyActivity up;      ///< host to device
    CopyActivity down;    ///< device to host
    CopyActivity across;  ///< within the device, or from another
};

struct ActivityReport {
    double seconds = 0;                   ///< between start and stop
    double kernels_watched = 0;           ///< of these, in seconds from the start: what is said of kernels is of them
    std::vector<DeviceActivity> devices;  ///< those that did something, by index
    std::int64_t dropped = 0;             ///< records that CUPTI lost: with any, the figures are too low
};

/// How long kernels are recorded, from the start on. Recording one takes the GPU some microseconds in which nothing
/// else runs, so it is not done for hours; copies are always recorded, as that takes next to nothing.
inline constexpr std::chrono::milliseconds kernel_watch_length{30'000};

/// Watches all GPUs of the process from construction to stop(). One at a time, as CUPTI serves one.
class ActivityMonitor {
  public:
    /// Tells `copies`, which may be null and outlives the process's CUDA calls, of calls for copies and of copies made.
    /// Throws Error(failed) that says what is missing, or that another profiler is at work, where activity cannot be
    /// measured: the caller reports that, not a zero. libcupti is looked for by name and below /usr/local/cuda.
    explicit ActivityMonitor(CopyLedger* copies = nullptr,
                             std::chrono::milliseconds kernel_watch = kernel_watch_length);
    ~ActivityMonitor();
    ActivityMonitor(ActivityMonitor&&) noexcept;
    ActivityMonitor& operator=(ActivityMonitor&&) noexcept;
    ActivityMonitor(const ActivityMonitor&) = delete;
    ActivityMonitor& operator=(const ActivityMonitor&) = delete;

    /// Work that is to be counted must be done (synchronise first). Once. Throws Error(failed) where another profiler
    /// has taken CUPTI's records meanwhile.
    [[nodiscard]] ActivityReport stop();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::device
