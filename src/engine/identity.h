#pragma once
// What makes two jobs the same job.

#include <optional>
#include <string>
#include <string_view>

#include "engine/resolve.h"
#include "pipeline/journal.h"

namespace millrace::engine {

/// Where an identity says how the model runs (infer::RuntimeChoice).
inline constexpr const char* choice_key = "model runs as";

/// Where it says how many frames a run of the model takes.
inline constexpr const char* batch_key = "batch";

/// Where it says which settings came from tuning (engine/tune_settings.h).
inline constexpr const char* tuned_key = "tuned";

/// "16"; "4 of 16" where memory was too short for what was asked for.
[[nodiscard]] std::string batch_text(int batch, int asked);

/// The 4 of "4 of 16" where 16 was asked for again; nullopt for all else.
[[nodiscard]] std::optional<int> smaller_batch(std::string_view text, int asked);

/// Of the encoder, and of the GPU's driver where that encodes.
void add_encoder(pipeline::Identity& identity, const media::EncoderSettings& encoder);

/// Everything that may change a bit of the output, by the names that a refused resume shows.
[[nodiscard]] pipeline::Identity identify(const Job& job, const PreparedJob& prepared);

}  // namespace millrace::engine
