#pragma once
// Models that run as fused layers on cuDNN.

#include <memory>
#include <string>

#include "infer/engine_runtime.h"

namespace millrace::infer::fused {

/// A session that runs the model's fused layers by the plans in request.engine; plans that are not there are chosen by
/// measuring and written there, if it is not empty, which `progress` is told. What cannot be fused runs on ONNX Runtime
/// between them, which a note tells. Throws Error(failed) that says why where nothing is worth fusing, and as
/// make_session() does.
[[nodiscard]] std::unique_ptr<Session> make_fused_session(const ModelRequest& request, const ModelDescription& model,
                                                          Size input, const BuildProgress& progress = {});

}  // namespace millrace::infer::fused
