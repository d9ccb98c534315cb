#pragma once
// What a run's planning process and its script workers say to one another, as JSON.
//
// To a worker: {"hello": {"version", "job"}}, {"work": [segments]}, {"stop": true}.
// From one: {"missing": text} before it has Millrace; {"script": description}; {"ready": identity};
// {"finished": journal line}; {"progress": {...}}; {"done": {...}}; {"failed": {"code", "message"}}.
// A generator's is told to work with no segments, and says after that {"ready": {"expected", "reused"}}, of frames; the
// journal is its own.

#include <nlohmann/json_fwd.hpp>

#include "core/error.h"
#include "engine/gil_waits.h"
#include "infer/script.h"
#include "millrace/report.h"
#include "pipeline/profile.h"
#include "pipeline/runner.h"

namespace millrace::engine {

/// [[scale, rate], ...]
[[nodiscard]] std::vector<infer::ScriptStep> steps_in(const nlohmann::json& steps);
[[nodiscard]] nlohmann::json to_message(const infer::ScriptDescription& script);
[[nodiscard]] infer::ScriptDescription script_from_message(const nlohmann::json& message);

[[nodiscard]] nlohmann::json to_message(const core::Error& error);
[[nodiscard]] core::Error error_from_message(const nlohmann::json& message);

/// Frames done and lanes of one worker, and all that its stages did so far.
struct WorkerProgress {
    pipeline::RunProgress run;
    std::array<pipeline::StageSums, pipeline::stage_count> stages;
};
[[nodiscard]] nlohmann::json to_message(const WorkerProgress& progress);
[[nodiscard]] WorkerProgress progress_from_message(const nlohmann::json& message);

/// What a worker did, at its end: of `script` all but kind, workers and gil; of the GPUs and the script's copies what
/// CUPTI saw, or a note why not.
struct WorkerReport {
    ScriptReport script;
    GilWaits gil;
    double cpu_seconds = 0;  ///< that cores worked for it during the run
    std::vector<GpuReport> gpus;
    std::vector<std::string> notes;
    Report made;  ///< of a generator: what its Writer said of the file; stages and times of the whole excepted
};
[[nodiscard]] nlohmann::json to_message(const WorkerReport& report);
[[nodiscard]] WorkerReport report_from_message(const nlohmann::json& message);

}  // namespace millrace::engine
