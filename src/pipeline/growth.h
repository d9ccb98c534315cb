#pragma once
// When another lane would help.

#include <chrono>

#include "pipeline/profile.h"
#include "pipeline/station.h"

namespace millrace::pipeline {

/// Watches one station. Another lane, which decodes and has an encoder, helps when the model waits for frames, and when
/// it waits for encoders, or there is none, and cores are idle. Not thread-safe.
class Growth {
  public:
    /// `interval`: how long is looked before an answer.
    Growth(int cores, std::chrono::milliseconds interval);

    /// To be asked some ten times a second with what is seen.
    [[nodiscard]] bool wants_lane(Next seen);

  private:
    [[nodiscard]] bool has_idle_cores();

    int cores_;
    std::chrono::milliseconds interval_;
    int samples_ = 0;
    int starving_ = 0;
    int blocked_ = 0;
    Clock::time_point checked_;
    double cpu_;
};

}  // namespace millrace::pipeline
