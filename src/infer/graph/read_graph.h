#pragma once
// From ONNX's own classes to plain structures.

#include <onnx/onnx_pb.h>

#include <string>

#include "infer/graph/model_graph.h"

namespace millrace::infer::graph {

/// `path` is the file's, for messages. Throws Error(bad_input): weights are not what their shapes say.
[[nodiscard]] ModelGraph read_graph(const onnx::ModelProto& model, const std::string& path);

}  // namespace millrace::infer::graph
