#pragma once
// Sessions on a GPU.

#include <memory>

#include "infer/session.h"

namespace millrace::infer::ort {

/// As make_session(), where request.device is a cuda device.
[[nodiscard]] std::unique_ptr<Session> make_cuda_session(const ModelRequest& request, const ModelDescription& model,
                                                         Size input);

}  // namespace millrace::infer::ort
