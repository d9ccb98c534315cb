#pragma once
// The bytes of a model's file.

#include <cstddef>
#include <string>
#include <vector>

#include "core/error.h"

namespace millrace::infer::graph {

/// Error(bad_input) that names the file: "model x.onnx: not an ONNX file".
[[nodiscard]] core::Error bad_model(const std::string& path, const std::string& text);

/// Throws Error(bad_input) that names the file where it cannot be read.
[[nodiscard]] std::vector<std::byte> read_model_file(const std::string& path);

}  // namespace millrace::infer::graph
