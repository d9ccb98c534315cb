#pragma once
// A model's layers as `millrace model show` has them: which are fused, and what each takes.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "infer/model.h"
#include "millrace/engine.h"

namespace millrace::engine {

/// The member "layers" of model show's JSON; its schema is in docs/models.md. On a GPU with times, for which plans of
/// the layers are chosen where the cache of engines has none; `progress` gets a line then. Throws Error(usage) for a
/// device that is none; what else is missing is told in "problem".
[[nodiscard]] nlohmann::json layers_to_json(const ModelOptions& options, const infer::ModelDescription& model,
                                            const ShowOptions& show);

}  // namespace millrace::engine
