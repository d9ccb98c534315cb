#pragma once
// What makes two jobs the same job.

#include "engine/resolve.h"
#include "pipeline/journal.h"

namespace millrace::engine {

/// Where an identity says how the model runs (infer::RuntimeChoice).
inline constexpr const char* choice_key = "model runs as";

/// Everything that may change a bit of the output, by the names that a refused resume shows.
[[nodiscard]] pipeline::Identity identify(const Job& job, const PreparedJob& prepared);

}  // namespace millrace::engine
