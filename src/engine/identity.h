#pragma once
// What makes two jobs the same job.

#include "engine/resolve.h"
#include "pipeline/journal.h"

namespace millrace::engine {

/// Everything that may change a bit of the output, by the names that a refused resume shows.
[[nodiscard]] pipeline::Identity identify(const Job& job, const PreparedJob& prepared);

}  // namespace millrace::engine
