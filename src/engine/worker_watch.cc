#include "engine/worker_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/usage.h"

namespace millrace::engine {

WorkerProgress progress_of(const pipeline::RunProgress& now, const pipeline::Profile& profile) {
    WorkerProgress progress{now, {}};
    for (std::size_t i = 0; i < progress.stages.size(); ++i) {
        progress.stages.at(i) = profile.sums(static_cast<pipeline::Stage>(i));
    }
    return progress;
}

WorkerReport report_of(const PythonTimes& python, Report seen) {
    const CallTimes& calls = python.calls;
    WorkerReport report;
    report.script = {"",
                     0,
                     calls.calls,
                     calls.inside,
                     calls.gil_wait,
                     core::peak_resident_bytes(),
                     {},
                     std::move(seen.script.copies)};
    report.gil = python.gil;
    report.gpus = std::move(seen.gpus);
    report.notes = std::move(seen.notes);
    return report;
}

void check_timeout(MessageChannel& channel, const Job& job, double call_seconds) {
    if (job.script.timeout <= 0 || call_seconds < job.script.timeout) return;
    channel.send(to_message(core::Error(
        core::ErrorCode::failed,
        fmt::format("script {}: one call has taken {:.1f} s, longer than --script-timeout {}; mend it, or give it more",
                    job.script.path, call_seconds, job.script.timeout))));
    ::_exit(1);
}

}  // namespace millrace::engine
