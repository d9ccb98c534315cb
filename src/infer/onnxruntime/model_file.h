#pragma once
// An ONNX file's ports and metadata, read by the runtime.

#include <onnxruntime_cxx_api.h>

#include <string>

#include "infer/resolve.h"

namespace millrace::infer::ort {

/// Throws Error(bad_input): no such file, not ONNX, an operator that the runtime does not have, element types that
/// Millrace does not know.
[[nodiscard]] ModelFile read_model_file(Ort::Env& environment, const std::string& path);

/// The session of `path`; failures as above.
[[nodiscard]] Ort::Session open_session(Ort::Env& environment, const std::string& path,
                                        const Ort::SessionOptions& options);

/// Shapes of a loaded session's ports; -1 is a dynamic dimension.
[[nodiscard]] std::vector<Port> inputs_of(const Ort::Session& session, const std::string& path);
[[nodiscard]] std::vector<Port> outputs_of(const Ort::Session& session, const std::string& path);

/// The runtime's element type of ours.
[[nodiscard]] ONNXTensorElementDataType element_type(core::DType dtype);

}  // namespace millrace::infer::ort
