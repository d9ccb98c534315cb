#pragma once
// NaN elements, counted by the host and by kernels. Private to src/ops.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "device/tensor.h"

namespace millrace::ops {

/// A count for one op. Kernels add to a word of pinned host memory, which they touch only when they meet NaN, so that
/// nothing is copied back and no stream waits. Thread-safe.
class NanCounter {
  public:
    void add(std::int64_t count) { host_ += count; }
    /// The word of `device` (cuda): one uint64, writable from there, zero at first.
    [[nodiscard]] device::Tensor word(device::DeviceId device);
    /// Of all work that is done: synchronise first.
    [[nodiscard]] std::int64_t total() const;

  private:
    std::atomic<std::int64_t> host_{0};
    mutable std::mutex mutex_;
    std::map<int, device::Tensor> words_;  ///< by device index
};

}  // namespace millrace::ops
