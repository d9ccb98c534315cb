#pragma once
// What tuning finds for a model, and which of it a job takes.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "infer/model.h"
#include "millrace/job.h"

namespace millrace::engine {

/// Settings of a run. 0: not found out, left to the run.
struct TunedSettings {
    int batch = 0;
    int workers = 0;  ///< runs of the model at once
    int threads = 0;  ///< in one of them; on the CPU, together with `workers`
    int lanes = 0;
    bool fp32 = false;      ///< a GPU only, where float16 would do
    bool tensorrt = false;  ///< a GPU only

    friend bool operator==(const TunedSettings&, const TunedSettings&) = default;
};

/// {"batch": 8, ...}; what is left to the run is left out.
[[nodiscard]] nlohmann::json to_json(const TunedSettings& settings);

/// The inverse; nullopt where a value is none, or is out of bounds. Unknown names are one.
[[nodiscard]] std::optional<TunedSettings> settings_from_json(const nlohmann::json& json);

/// "batch 8, 2 runs at once of 4 threads, fp16"; "nothing" where all is left to the run.
[[nodiscard]] std::string to_text(const TunedSettings& settings);

/// Of `settings` those that may change bits of a result.
[[nodiscard]] TunedSettings that_change_bits(TunedSettings settings);

/// Whether the model's batch is still open: its file, its settings and the command line leave it so.
[[nodiscard]] bool batch_is_open(const infer::ModelDescription& model);

/// Of `settings` those that the job does not say itself and the model allows. Threads and runs at once belong together:
/// both, or none. Under --strict no TensorRT, from which a run may have to fall back.
[[nodiscard]] TunedSettings left_open(TunedSettings settings, const Job& job, const infer::ModelDescription& model);

/// Writes `settings` where a user would have written them.
void take_up(Job& job, const TunedSettings& settings);

}  // namespace millrace::engine
