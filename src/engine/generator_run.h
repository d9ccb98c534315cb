#pragma once
// A run whose frames a script makes, seen from the process that plans.

#include <stop_token>

#include "engine/script_host.h"
#include "millrace/engine.h"
#include "millrace/job.h"
#include "millrace/report.h"

namespace millrace::engine {

/// Whether the job has an input where the kind of its script wants one, and nothing that means nothing for it. Throws
/// Error(usage).
void check_script_job(const Job& job, const infer::ScriptDescription& script);

/// Until the file is there. The script's process encodes, keeps the journal and joins: a frame then never crosses
/// between processes. Throws as millrace::run() does.
[[nodiscard]] Report run_generator(const Job& job, ScriptHost& host, const Observer& observer,
                                   const std::stop_token& stop);

}  // namespace millrace::engine
