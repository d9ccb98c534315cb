#pragma once
// Memory for everything in flight: leases from a pool with a stated budget.

#include <cstddef>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>

#include "device/device.h"
#include "device/memory_source.h"
#include "device/timeline.h"

namespace millrace::device {

/// A leased block of memory, 256-byte aligned. Goes back to its pool when the last copy of `owner` is destroyed, on any
/// thread, also after the pool itself is gone, and also while work on it is still enqueued: the next lease's first
/// write waits for that work, as the timeline says (null: only the host touches the memory).
struct Block {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::shared_ptr<void> owner;
    TimelinePtr timeline;
};

/// Bytes of a pool: leased now, leased at the most so far, and kept for reuse.
struct PoolUsage {
    std::size_t leased = 0;
    std::size_t peak = 0;
    std::size_t idle = 0;
};

/// The budget of a pool whose leases something else bounds: half of what can be counted, so that sums do not wrap.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max() / 2;

/// Keeps returned blocks and hands them out again by exact size; blocks of other sizes are freed when the budget needs
/// them. Thread-safe.
class BufferPool {
  public:
    /// `purpose` names the pool in errors and reports. `budget` in bytes bounds leased + idle memory.
    BufferPool(DeviceId device, std::string purpose, std::size_t budget);
    /// The same with memory of another kind: make_pinned_source() gives host memory for copies from and to a GPU.
    BufferPool(std::unique_ptr<MemorySource> source, DeviceId device, std::string purpose, std::size_t budget);

    /// A block of `bytes`. Blocks while the budget is used up; an empty Block when `stop` was requested meanwhile.
    /// Throws Error(out_of_memory) when `bytes` alone exceed the budget or the system is out of memory.
    [[nodiscard]] Block lease(std::size_t bytes, const std::stop_token& stop = {});

    [[nodiscard]] PoolUsage usage() const;
    [[nodiscard]] DeviceId device() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace millrace::device
