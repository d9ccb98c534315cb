#pragma once
// Tensors that stand in a model.

#include <onnx/onnx_pb.h>

#include <string>

namespace millrace::infer::graph {

/// Replaces every reference to another file, in subgraphs too, by the bytes themselves. `path`: the model's. Throws
/// Error(bad_input).
void embed_external_data(onnx::ModelProto& model, const std::string& path);

/// Whether a float32 tensor has finite values beyond 65504, float16's largest.
[[nodiscard]] bool exceeds_half(const onnx::TensorProto& tensor);

/// A float32 tensor as float16, rounded to the nearest. What is beyond the largest value becomes it; what is not zero
/// stays so: an epsilon below 2^-24 becomes 2^-24. Infinities and NaN stay.
[[nodiscard]] onnx::TensorProto to_half(const onnx::TensorProto& tensor, const std::string& name);

}  // namespace millrace::infer::graph
