#pragma once
// What a finished run tells people.

#include <string>

#include "millrace/report.h"

namespace millrace::app {

/// Several lines: what was made of what, the table of stages, what fell back, what is worth knowing, the verdict.
[[nodiscard]] std::string render_summary(const Report& report);

/// "1.4 GiB", "512 KiB", "17 bytes".
[[nodiscard]] std::string render_bytes(double bytes);

}  // namespace millrace::app
