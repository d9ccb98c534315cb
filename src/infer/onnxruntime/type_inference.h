#pragma once
// What the runtime knows of a model without running it.

#include <string>
#include <vector>

#include "infer/graph/model_graph.h"

namespace millrace::infer::ort {

/// Types and shapes of the outputs of `model`, an ONNX file's bytes, in their order; empty where the runtime does not
/// take the model. `library`: the runtime's. Throws Error(failed): there is no runtime.
[[nodiscard]] std::vector<graph::TensorType> infer_types(const std::string& library, const std::string& model);

}  // namespace millrace::infer::ort
