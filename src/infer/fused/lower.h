#pragma once
// From an ONNX model to fused layers.

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// What became of one node of the model.
struct NodeFate {
    std::string name;
    std::string op;
    /// "": it is part of `layer`, or was folded away; else why it cannot be fused, a sentence without a full stop.
    std::string reason;
    std::string layer;  ///< name of the layer that computes it; "": folded into constants or left out
};

struct Lowered {
    std::optional<Net> net;       ///< nullopt: some node has a reason
    std::vector<NodeFate> nodes;  ///< all of the model, in its order
};

/// Shapes of the model's inputs by name, fully known: [N, C, H, W].
using InputShapes = std::map<std::string, std::vector<std::int64_t>>;

/// Fold and fuse `model`, the bytes of an ONNX file, for inputs of these shapes. `path` is the file's, for messages and
/// for external data beside it. Throws Error(bad_input) where the bytes are not an ONNX model, or weights are missing.
[[nodiscard]] Lowered lower(std::span<const std::byte> model, const std::string& path, const InputShapes& inputs);

}  // namespace millrace::infer::fused
