#pragma once
// What a node reads beside its inputs.

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace millrace::infer::graph {

/// Names of values around a node that its subgraphs read (the branches of If, the bodies of Loop and Scan), each once.
[[nodiscard]] std::vector<std::string> captured_names(const onnx::NodeProto& node);

}  // namespace millrace::infer::graph
