#pragma once
// From an ONNX model to fused layers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "infer/fused/net.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// What became of one node of the model.
struct NodeFate {
    std::string name;
    std::string op;
    /// "": it is part of `layer`, or was folded away; else why it is not fused, a sentence without a full stop.
    std::string reason;
    std::string layer;  ///< name of the layer that computes it; "": folded into constants or left out
    int part = -1;      ///< index of the part that computes it; -1: no layer, or nothing reads what it gives
};

/// A value of the model that goes into a part or comes out of it.
struct PartPort {
    std::string name;  ///< the model's; of values that only fused layers see a name of their own
    graph::TensorType type;
};

/// Nodes that run one after the other, as fused layers, or on the runtime as a model of their own (an ONNX file's
/// bytes). Ports are in the order of the net's or the model's.
struct Part {
    std::vector<PartPort> inputs;
    std::vector<PartPort> outputs;
    std::variant<Net, std::string> body;
    int nodes = 0;  ///< of the model; without those that were folded away

    [[nodiscard]] bool is_fused() const { return std::holds_alternative<Net>(body); }
};

struct Lowered {
    /// In an order in which they can run. Empty: nothing is fused, as no part would be worth it.
    std::vector<Part> parts;
    std::vector<NodeFate> nodes;  ///< all of the model, in its order

    /// null: not all of the model is fused.
    [[nodiscard]] const Net* whole() const {
        return parts.size() == 1 ? std::get_if<Net>(&parts.front().body) : nullptr;
    }
};

/// Shapes of the model's inputs by name, fully known: [N, C, H, W].
using InputShapes = std::map<std::string, std::vector<std::int64_t>>;

/// Asks a runtime about the outputs of a model, an ONNX file's bytes: in their order; empty: it does not take it.
using TypeInference = std::function<std::vector<graph::TensorType>(const std::string& model)>;

/// Multiplications in convolutions and matrix products for each value that a fused part takes in or gives, below which
/// the part is not worth it: values change their layout and type on the way.
inline constexpr double worthwhile_work = 32;

/// Fold and fuse `model`, the bytes of an ONNX file, for inputs of these shapes, and cut out what cannot be fused.
/// `path` is the file's, for messages and for external data beside it. Without `infer` nothing behind a node that is
/// not fused is fused either. Throws Error(bad_input) where the bytes are not an ONNX model, or weights are missing.
[[nodiscard]] Lowered lower(std::span<const std::byte> model, const std::string& path, const InputShapes& inputs,
                            const TypeInference& infer = {}, double least_work = worthwhile_work);

}  // namespace millrace::infer::fused
