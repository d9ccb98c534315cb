#pragma once

#include <string>

namespace millrace::engine {

/// "0.1.0"
[[nodiscard]] std::string version();

}  // namespace millrace::engine
