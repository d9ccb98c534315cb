#pragma once
// How long a run takes, and how much of the machine.

#include <chrono>

#include "core/clock.h"
#include "core/usage.h"

namespace millrace::engine {

/// Runs from construction on.
class RunClock {
  public:
    [[nodiscard]] double seconds() const { return core::seconds_since(begin_); }
    /// That cores worked for this process, in all of its threads.
    [[nodiscard]] double cpu_seconds() const { return core::cpu_seconds() - cpu_; }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double cpu_ = core::cpu_seconds();
};

}  // namespace millrace::engine
