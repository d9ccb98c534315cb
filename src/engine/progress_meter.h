#pragma once
// Snapshots of a run, with rate and time left.

#include <chrono>
#include <cstdint>
#include <deque>

#include "millrace/engine.h"
#include "pipeline/profile.h"
#include "pipeline/runner.h"
#include "pipeline/verdict.h"

namespace millrace::engine {

/// Turns the runner's snapshots into Progress. Used on one thread.
class ProgressMeter {
  public:
    /// `total` frames; -1 unknown. References must outlive the meter; an empty observer is never called.
    ProgressMeter(const Observer& observer, std::int64_t total, const pipeline::Profile& profile);

    void show(const pipeline::RunProgress& now);
    /// After the last frame: the runner's last snapshot may be older than that.
    void show_phase(Phase phase, std::int64_t frames_done);

  private:
    struct Sample {
        std::chrono::steady_clock::time_point time;
        std::int64_t frames = 0;
    };

    const Observer& observer_;
    const pipeline::Profile& profile_;
    pipeline::LimitWatch watch_;
    std::chrono::steady_clock::time_point watched_;
    std::deque<Sample> samples_;  ///< of the last ten seconds
    Progress progress_;
};

}  // namespace millrace::engine
