#pragma once
// A run takes what tuning found for its model.

#include <optional>
#include <string>
#include <vector>

#include "engine/model_sessions.h"
#include "engine/tune_settings.h"
#include "engine/tune_store.h"
#include "pipeline/journal.h"

namespace millrace::engine {

/// What a model's frames are made of, and where they go.
struct TunePlace {
    std::vector<device::DeviceId> devices;
    infer::Size frame;  ///< the tensor made of one video frame
    infer::Size input;  ///< what the session takes
};

[[nodiscard]] TuneKey tune_key(const LoadedModel& loaded, const TunePlace& place);

/// What encodes, as far as it matters for how many lanes are best: "libx264, preset default"; "" for data.
[[nodiscard]] std::string encoder_text(const Job& job, const infer::ModelDescription& model);

/// What a job took.
struct TakenUp {
    TunedSettings settings;
    std::vector<std::string> notes;  ///< for the report
    /// For the identity: what may change bits, as JSON; empty: none.
    [[nodiscard]] std::string identity() const;
};

/// Puts into `job` and `loaded` what the store has for them and the job leaves open. A run that continues another
/// (`earlier`) takes what that one took, whatever the store has by now.
[[nodiscard]] TakenUp use_tuning(Job& job, LoadedModel& loaded, const TunePlace& place,
                                 const std::optional<pipeline::Identity>& earlier);

}  // namespace millrace::engine
