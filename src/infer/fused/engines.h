#pragma once
// Models that run as fused layers on cuDNN.

#include <memory>
#include <string>

#include "infer/engine_runtime.h"

namespace millrace::infer::fused {

/// A session that runs the model's fused layers by the plans in request.engine; plans that are not there are chosen by
/// measuring and written there, if it is not empty. Throws Error(failed) that says which part of the model cannot be fused and why, and as
/// make_session() does.
[[nodiscard]] std::unique_ptr<Session> make_fused_session(const ModelRequest& request, const ModelDescription& model,
                                                          Size input);

}  // namespace millrace::infer::fused
