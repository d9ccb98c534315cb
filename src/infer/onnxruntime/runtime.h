#pragma once
// ONNX Runtime, loaded into the process once.

#include <onnxruntime_cxx_api.h>

#include <string>
#include <string_view>

#include "core/error.h"

namespace millrace::infer::ort {

/// The one environment of the process; loads the library first (load_runtime). Thread-safe.
[[nodiscard]] Ort::Env& environment(const std::string& library);

/// Whether the runtime's words for a failure say that memory was the reason, the machine's or a GPU's.
[[nodiscard]] bool says_out_of_memory(std::string_view reason);

/// Failure of the runtime as ours. `doing` says to what: "model x.onnx: cannot be loaded". Throws
/// Error(out_of_memory) where memory was the reason, else Error(code).
[[noreturn]] void rethrow(const Ort::Exception& failure, const std::string& doing,
                          core::ErrorCode code = core::ErrorCode::failed);

}  // namespace millrace::infer::ort
