#pragma once
// The shapes of a session's inputs and outputs, wherever it runs.

#include <onnxruntime_cxx_api.h>

#include <vector>

#include "core/tensor_desc.h"
#include "infer/model.h"

namespace millrace::infer::ort {

struct SessionShapes {
    std::vector<core::TensorDesc> inputs;
    std::vector<core::TensorDesc> outputs;
};

/// Names of ports, which must outlive them.
[[nodiscard]] std::vector<const char*> names_of(const std::vector<Port>& ports);

/// The shape of the picture input. Throws Error(bad_input) where the model takes other sizes only.
[[nodiscard]] core::TensorDesc check_picture_input(const ModelDescription& model, Size input);

/// All shapes for pictures of `input` size, which were checked to fit `model`. Runs the session once on zeros where the
/// graph leaves an output open. Throws Error(bad_input) and what the runtime throws.
[[nodiscard]] SessionShapes find_shapes(Ort::Session& session, const ModelDescription& model, Size input);

/// The same for inputs of these shapes, whatever they are.
[[nodiscard]] SessionShapes find_shapes(Ort::Session& session, const ModelDescription& model,
                                        std::vector<core::TensorDesc> inputs);

}  // namespace millrace::infer::ort
