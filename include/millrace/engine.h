#pragma once
// The face of the engine: a job in, a report out. Everything throws millrace::core::Error (core/error.h).

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "millrace/job.h"
#include "millrace/report.h"

namespace millrace {

/// building: a model's engine is built, which takes minutes, before the run.
enum class Phase { planning, building, running, joining, done };

/// A snapshot, some ten times a second.
struct Progress {
    Phase phase = Phase::planning;
    std::int64_t frames_done = 0;    ///< encoded or written, earlier runs included
    std::int64_t frames_reused = 0;  ///< of those, by earlier runs
    std::int64_t frames_total = -1;  ///< -1 unknown
    double fps = 0;                  ///< over the last two seconds
    double seconds_left = -1;        ///< -1 unknown
    double building_seconds = 0;     ///< in that phase: for how long already
    int pieces_done = 0;             ///< in that phase: of the engine, layers whose plans are chosen
    int pieces_total = 0;            ///< 0 unknown
    int lanes = 0;
    std::string limiting_stage;  ///< name of the stage that holds the others up
};

/// Called on a thread of the engine; must return soon and not throw.
using Observer = std::function<void(const Progress&)>;

/// Run a job to its end. Blocks. A stop request ends it with Error(interrupted) after what is finished is safe in the
/// journal. Thread-safe: several jobs may run at once.
Report run(const Job& job, const Observer& observer, const std::stop_token& stop);

/// What probe() found, as JSON: format, streams, colour with origins, segments, what would run where. Schema in
/// docs/probe.md.
[[nodiscard]] std::string probe_json(const Job& job);

/// What `millrace model show` prints, as JSON: ports, resolved settings and where each came from.
[[nodiscard]] std::string model_json(const ModelOptions& model);

/// How show_model_json() goes about it.
struct ShowOptions {
    std::string device = "cpu";                        ///< a GPU: layers are timed there
    std::function<void(const std::string&)> progress;  ///< gets a line where that takes long
    std::stop_token stop;
};

/// The same with the model's layers: which run fused, and what each takes. On a GPU plans of the layers are chosen and
/// kept where the cache of engines has none. Schema in docs/models.md. Throws Error(usage) for a device that is none.
[[nodiscard]] std::string show_model_json(const ModelOptions& model, const ShowOptions& show);

/// Devices that jobs may name, as JSON: name, description, memory, what is built in and what is missing.
[[nodiscard]] std::string devices_json(const std::string& runtime_library);

/// Ceilings of this machine for a job: each stage alone, then the whole. `progress` gets a line a step.
[[nodiscard]] std::string bench_json(const Job& job, const std::function<void(const std::string&)>& progress,
                                     const std::stop_token& stop);

/// How tune() goes about it.
struct TuneOptions {
    double seconds = 60;             ///< of measuring; what is under way then is still ended
    Keep result = Keep::yes;         ///< in the job's tune_folder, for runs to come
    std::optional<double> live_fps;  ///< measure latency of frames that come at this rate instead
};

/// Finds batch, runs at once, threads, precision, runtime and lanes for the job's model by measuring, where the job
/// does not say. The curve, why each search ended and what was chosen as JSON; schema in docs/tuning.md. Throws
/// Error(usage) without a model, Error(interrupted); what prepare and run throw. `progress` gets a line a measurement.
[[nodiscard]] std::string tune_json(const Job& job, const TuneOptions& options,
                                    const std::function<void(const std::string&)>& progress,
                                    const std::stop_token& stop);

/// Version of Millrace ("0.1.0") and of the libraries it uses, as JSON.
[[nodiscard]] std::string versions_json();

}  // namespace millrace
