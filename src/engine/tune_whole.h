#pragma once
// Whole runs of a job on part of its input, as tuning compares them.

#include <cstdint>
#include <stop_token>
#include <string>

#include "engine/tune_choice.h"
#include "engine/tune_meter.h"
#include "millrace/job.h"

namespace millrace::engine {

/// One of them.
struct WholeRun {
    TunedSettings settings;
    double fps = 0;
    std::int64_t frames = 0;  ///< fewer than asked for: the clip has no more
    int lanes = 0;            ///< most at once
    std::string limiting_stage;
};

/// Runs into a folder of its own, which goes with it.
class WholeRuns {
  public:
    /// `job` runs as it is but for what each run() says. Throws Error(failed) where there is no room for files.
    explicit WholeRuns(Job job, const std::stop_token& stop);
    WholeRuns(const WholeRuns&) = delete;
    WholeRuns& operator=(const WholeRuns&) = delete;
    WholeRuns(WholeRuns&&) = delete;
    WholeRuns& operator=(WholeRuns&&) = delete;
    ~WholeRuns();

    /// At most `frames` of the input. Throws what run() throws.
    [[nodiscard]] WholeRun run(const TunedSettings& settings, std::int64_t frames);

    /// The job, with an output in that folder.
    [[nodiscard]] const Job& job() const { return job_; }

  private:
    Job job_;
    std::stop_token stop_;
    std::string folder_;
};

}  // namespace millrace::engine
