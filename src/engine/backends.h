#pragma once
// The only place that picks who does the work.

#include "engine/resolve.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Backends of a prepared job on its device. `prepared` must outlive them. A pipe's source is taken by the first
/// reader.
[[nodiscard]] pipeline::Backends make_backends(const Job& job, PreparedJob& prepared);

}  // namespace millrace::engine
