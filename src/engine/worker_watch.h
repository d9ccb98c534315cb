#pragma once
// What every process that runs a script does beside its work: it says how far it is, and ends itself when it hangs.

#include "engine/message_channel.h"
#include "engine/script.h"
#include "engine/script_messages.h"
#include "millrace/job.h"
#include "pipeline/profile.h"
#include "pipeline/runner.h"

namespace millrace::engine {

[[nodiscard]] WorkerProgress progress_of(const pipeline::RunProgress& now, const pipeline::Profile& profile);

/// How the process worked in Python.
struct PythonTimes {
    CallTimes calls;
    GilWaits gil;
};

/// `seen`: what a GpuWatch said.
[[nodiscard]] WorkerReport report_of(const PythonTimes& python, Report seen);

/// Ends the process where a call into the script takes longer than the job's --script-timeout, as nothing else ends a
/// call into somebody's code. `call_seconds`: since it began; 0: there is none.
void check_timeout(MessageChannel& channel, const Job& job, double call_seconds);

}  // namespace millrace::engine
