#pragma once
// The only place that picks who does the work.

#include <stop_token>

#include "engine/resolve.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Backends of a prepared job on its device. `prepared` must outlive them. A pipe's source is taken by the first
/// reader.
/// `stop` ends a decoder's wait for memory.
[[nodiscard]] pipeline::Backends make_backends(const Job& job, PreparedJob& prepared, const std::stop_token& stop);

}  // namespace millrace::engine
