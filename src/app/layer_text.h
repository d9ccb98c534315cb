#pragma once
// A model's layers as a table.

#include <cstdint>
#include <string>

namespace millrace::app {

enum class Plans : std::uint8_t { hidden, shown };

/// Of show_model_json(): its member "layers". Plans: by what cuDNN computes each.
[[nodiscard]] std::string render_layers(const std::string& json, Plans plans);

}  // namespace millrace::app
