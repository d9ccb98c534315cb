#pragma once
// A model's resolved settings, by the keys of docs/models.md.

#include <nlohmann/json_fwd.hpp>

#include "infer/model.h"

namespace millrace::engine {

[[nodiscard]] nlohmann::json settings_to_json(const infer::ModelDescription& model);

}  // namespace millrace::engine
