#pragma once
// What float16 may do to a node, and which of a node's values are float32.

#include <onnx/onnx_pb.h>

#include <functional>
#include <string>
#include <string_view>

namespace millrace::infer::graph {

/// Whether a node is worth casts of its own.
enum class Worth {
    heavy,    ///< convolutions and matrix products: always
    follows,  ///< where a value that it reads is in float16 anyway
    never,    ///< stays in float32
};

/// How an operator of the standard domain runs in float16.
struct HalfRule {
    Worth worth = Worth::never;
    /// Inputs that become float16 together, bit i for input i; the others keep their types.
    unsigned inputs = 0;
    /// The outputs that become float16: the first, or all. With `first`, a node whose other outputs are used stays.
    enum class Outputs { first, all } outputs = Outputs::first;
};

/// Worth::never for operators that this does not know and those of other domains.
[[nodiscard]] HalfRule half_rule(const onnx::NodeProto& node);

/// Whether the operator makes the model a quantised one.
[[nodiscard]] bool is_quantisation(const onnx::NodeProto& node);

/// Whether output `index` of a node is certainly a float32 tensor; `is_float` says it of values before it.
using IsFloat = std::function<bool(const std::string&)>;
[[nodiscard]] bool is_float_output(const onnx::NodeProto& node, int index, const IsFloat& is_float);

/// The attribute of that name; null: none.
[[nodiscard]] const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name);

}  // namespace millrace::infer::graph
