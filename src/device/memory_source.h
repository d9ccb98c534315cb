#pragma once
// Where a pool's memory comes from.

#include <cstddef>
#include <memory>

#include "device/device.h"
#include "device/timeline.h"

namespace millrace::device {

/// Memory as a source gave it. `timeline` is null where only the host touches it.
struct Storage {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    TimelinePtr timeline;
};

/// Thread-safe.
class MemorySource {
  public:
    MemorySource() = default;
    virtual ~MemorySource() = default;
    MemorySource(const MemorySource&) = delete;
    MemorySource& operator=(const MemorySource&) = delete;
    MemorySource(MemorySource&&) = delete;
    MemorySource& operator=(MemorySource&&) = delete;

    /// 256-byte aligned; `data` is null where there is no memory left.
    [[nodiscard]] virtual Storage allocate(std::size_t bytes) = 0;
    /// Work that the timeline knows may still run: it is waited for, in a way that does not block where possible.
    virtual void release(Storage storage) noexcept = 0;
    /// The option that raises the budget, for messages: "--memory".
    [[nodiscard]] virtual const char* option() const = 0;
};

/// Pageable memory for cpu, stream-ordered device memory for cuda. Throws Error(failed) in a build without CUDA.
[[nodiscard]] std::unique_ptr<MemorySource> make_memory_source(DeviceId device);

/// Host memory that `device` (cuda) copies from and to at full speed while the host does other things.
[[nodiscard]] std::unique_ptr<MemorySource> make_pinned_source(DeviceId device);

/// Host memory for what comes from `device`, or goes there: pinned for cuda, pageable for cpu.
[[nodiscard]] std::unique_ptr<MemorySource> make_staging_source(DeviceId device);

}  // namespace millrace::device
