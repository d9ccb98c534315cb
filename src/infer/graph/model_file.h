#pragma once
// The bytes of a model's file.

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::infer::graph {

/// Throws Error(bad_input) that names the file where it cannot be read.
[[nodiscard]] std::vector<std::byte> read_model_file(const std::string& path);

}  // namespace millrace::infer::graph
