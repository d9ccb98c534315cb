#pragma once
// Memory of this process.

#include <cstdint>

namespace millrace::core {

/// Bytes resident at the most so far (getrusage(2), ru_maxrss).
[[nodiscard]] std::int64_t peak_resident_bytes();

}  // namespace millrace::core
