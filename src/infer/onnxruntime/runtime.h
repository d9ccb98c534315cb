#pragma once
// ONNX Runtime, loaded into the process once.

#include <onnxruntime_cxx_api.h>

#include <string>

#include "core/error.h"

namespace millrace::infer::ort {

/// The one environment of the process; loads the library first (load_runtime). Thread-safe.
[[nodiscard]] Ort::Env& environment(const std::string& library);

/// Failure of the runtime as ours. `doing` says to what: "model x.onnx: cannot be loaded".
[[noreturn]] void rethrow(const Ort::Exception& failure, const std::string& doing,
                          core::ErrorCode code = core::ErrorCode::failed);

}  // namespace millrace::infer::ort
