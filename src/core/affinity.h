#pragma once
// CPUs of this process.

namespace millrace::core {

/// CPUs that the calling thread may run on (sched_getaffinity(2)); all of the machine's where that cannot be known. At
/// least 1.
[[nodiscard]] int affine_cores();

}  // namespace millrace::core
