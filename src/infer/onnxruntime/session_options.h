#pragma once
// What every session asks of the runtime, wherever it runs.

#include <onnxruntime_cxx_api.h>

#include "core/tensor_desc.h"
#include "infer/model.h"

namespace millrace::infer::ort {

/// `threads`: 1 and up.
[[nodiscard]] Ort::SessionOptions session_options(int threads);

/// The same for pictures of one size. `picture`: the shape of the model's picture input, which names its dimensions.
[[nodiscard]] Ort::SessionOptions session_options(const ModelDescription& model, const core::TensorDesc& picture,
                                                  int threads);

}  // namespace millrace::infer::ort
