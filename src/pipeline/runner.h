#pragma once
// A whole job, from its plan to finished segments on disk.

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>

#include "pipeline/job.h"
#include "pipeline/journal.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// A snapshot of a run.
struct RunProgress {
    std::int64_t frames_done = 0;    ///< earlier runs included
    std::int64_t frames_reused = 0;  ///< of those, by earlier runs
    int lanes = 0;
};

/// What a run left behind: every segment's record, in order.
struct RunResult {
    std::map<int, SegmentRecord> records;
    int segments_reused = 0;
    std::int64_t frames_reused = 0;
    std::chrono::nanoseconds run_time{};  ///< first decode to last finished segment
};

/// Work on every segment that `ledger` does not hold yet. `observe` is called some ten times a second on this thread.
/// Throws the first failure of any thread, after all have ended; Error(interrupted) when `stop` was requested. What was
/// finished is in the journal either way.
[[nodiscard]] RunResult run_segments(const ResolvedJob& job, const Backends& backends, SegmentLedger& ledger,
                                     Profile& profile, const std::function<void(const RunProgress&)>& observe,
                                     const std::stop_token& stop);

}  // namespace millrace::pipeline
