#pragma once
// How long threads wait for Python's lock, sampled, as it adds up over processes.

#include <array>
#include <chrono>
#include <cstdint>

#include "millrace/report.h"

namespace millrace::engine {

/// Longer waits are noticed. A thread that runs Python gives the lock up 5 ms after another asked for it.
inline constexpr std::chrono::milliseconds noticed_wait{1};

/// The script's thread when a sample asked for the lock: it ran (with the lock, or in native code without it), or it
/// stood still while other threads had the lock.
enum class ScriptThread { ran, stood_behind_others };

/// Samples, counted by how long they waited. Not thread-safe.
struct GilWaits {
    /// Four to each doubling: bucket b ends at 2^(b / 4) us, which goes up to an hour.
    std::array<std::int64_t, 128> counts{};
    std::int64_t noticed = 0;  ///< longer than noticed_wait
    std::int64_t held_up = 0;  ///< of those, with the script behind others

    void add(std::chrono::nanoseconds wait, ScriptThread script);
    void add(const GilWaits& others);
    /// Percentiles are the ends of their buckets.
    [[nodiscard]] GilReport report() const;
};

}  // namespace millrace::engine
