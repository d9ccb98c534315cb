#pragma once
// What this process takes of the machine.

#include <cstdint>

namespace millrace::core {

/// Bytes resident at the most so far (getrusage(2), ru_maxrss).
[[nodiscard]] std::int64_t peak_resident_bytes();

/// Seconds that cores worked for it so far, in all of its threads (getrusage(2), ru_utime and ru_stime).
[[nodiscard]] double cpu_seconds();

}  // namespace millrace::core
