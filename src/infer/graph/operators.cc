#include "infer/graph/operators.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace millrace::infer::graph {
namespace {

constexpr unsigned all_inputs = ~0U;
constexpr unsigned inputs(std::initializer_list<unsigned> indices) {
    unsigned bits = 0;
    for (const unsigned index : indices) bits |= 1U << index;
    return bits;
}

struct NamedRule {
    std::string_view name;
    HalfRule rule;
};

constexpr HalfRule heavy{Worth::heavy, all_inputs};
constexpr HalfRule follows{Worth::follows, all_inputs};
constexpr HalfRule moves{Worth::follows, inputs({0})};  ///< the rest are shapes, indices, axes, factors

/// Operators with a float16 version in ONNX Runtime's CUDA provider, or made of such, whose result float16 can hold as
/// well as its inputs. Left out on purpose: sums over many values, products, exponentials and logarithms (they leave
/// the range), comparisons and rounding (a last bit turns them over), what makes indices or positions (TopK, ArgMax,
/// NonMaxSuppression, GridSample, RoiAlign), Range and CumSum, recurrent layers, random numbers.
constexpr std::array<NamedRule, 62> rules{{
    {"Conv", heavy},
    {"ConvTranspose", heavy},
    {"Gemm", heavy},
    {"MatMul", heavy},

    {"Abs", follows},
    {"Add", follows},
    {"AveragePool", follows},
    {"BatchNormalization", follows},
    {"Clip", follows},
    {"Concat", follows},
    {"Div", follows},
    {"Elu", follows},
    {"Erf", follows},
    {"Gelu", follows},
    {"GlobalAveragePool", follows},
    {"GlobalMaxPool", follows},
    {"GroupNormalization", follows},
    {"HardSigmoid", follows},
    {"HardSwish", follows},
    {"Identity", follows},
    {"InstanceNormalization", follows},
    {"LayerNormalization", follows},
    {"LeakyRelu", follows},
    {"Max", follows},
    {"MaxPool", follows},
    {"Mean", follows},
    {"Min", follows},
    {"Mul", follows},
    {"Neg", follows},
    {"PRelu", follows},
    {"Reciprocal", follows},
    {"Relu", follows},
    {"Selu", follows},
    {"Sigmoid", follows},
    {"Softmax", follows},
    {"Softplus", follows},
    {"Softsign", follows},
    {"Sqrt", follows},
    {"Sub", follows},
    {"Sum", follows},
    {"Tanh", follows},

    {"DepthToSpace", moves},
    {"Dropout", moves},
    {"Expand", moves},
    {"Flatten", moves},
    {"Gather", moves},
    {"GatherElements", moves},
    {"GatherND", moves},
    {"ReduceMax", moves},
    {"ReduceMean", moves},
    {"ReduceMin", moves},
    {"Reshape", moves},
    {"Resize", moves},
    {"Slice", moves},
    {"SpaceToDepth", moves},
    {"Squeeze", moves},
    {"Tile", moves},
    {"Transpose", moves},
    {"Unsqueeze", moves},

    {"Pad", {Worth::follows, inputs({0, 2})}},
    {"Split", {Worth::follows, inputs({0}), HalfRule::Outputs::all}},
    {"Where", {Worth::follows, inputs({1, 2})}},
}};

/// Of operators that stay in float32: the input whose type their first output has.
struct SameType {
    std::string_view name;
    int input;
};
constexpr std::array<SameType, 27> same_types{{
    {"Ceil", 0},
    {"Celu", 0},
    {"Cos", 0},
    {"CumSum", 0},
    {"Einsum", 0},
    {"Exp", 0},
    {"Floor", 0},
    {"GridSample", 0},
    {"Log", 0},
    {"LogSoftmax", 0},
    {"LpNormalization", 0},
    {"LRN", 0},
    {"Mish", 0},
    {"Mod", 0},
    {"Pow", 0},
    {"Range", 0},
    {"ReduceL1", 0},
    {"ReduceL2", 0},
    {"ReduceLogSumExp", 0},
    {"ReduceProd", 0},
    {"ReduceSum", 0},
    {"ReduceSumSquare", 0},
    {"RoiAlign", 0},
    {"Round", 0},
    {"Sin", 0},
    {"TopK", 0},
    {"Upsample", 0},
}};

bool is_standard(const onnx::NodeProto& node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

bool is_float_type(const onnx::TypeProto& type) {
    return type.has_tensor_type() && type.tensor_type().elem_type() == onnx::TensorProto::FLOAT;
}

/// The result of a subgraph that a node gives as its output `index`.
bool gives_float(const onnx::AttributeProto* body, int index) {
    return body != nullptr && index < body->g().output_size() && is_float_type(body->g().output(index).type());
}

/// Of operators that make values out of attributes or subgraphs; nullopt: of the others.
std::optional<bool> makes_float(const onnx::NodeProto& node, int index) {
    const std::string& kind = node.op_type();
    if (kind == "Constant") {
        const onnx::AttributeProto* value = find_attribute(node, "value");
        return (value != nullptr && value->t().data_type() == onnx::TensorProto::FLOAT) ||
               find_attribute(node, "value_float") != nullptr || find_attribute(node, "value_floats") != nullptr;
    }
    if (kind == "ConstantOfShape") {
        const onnx::AttributeProto* value = find_attribute(node, "value");
        return value == nullptr || value->t().data_type() == onnx::TensorProto::FLOAT;
    }
    if (kind == "Cast") {
        const onnx::AttributeProto* to = find_attribute(node, "to");
        return to != nullptr && to->i() == onnx::TensorProto::FLOAT;
    }
    if (kind == "If") return gives_float(find_attribute(node, "then_branch"), index);
    if (kind == "Loop") return gives_float(find_attribute(node, "body"), index + 1);
    return std::nullopt;
}

}  // namespace

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
    const auto& all = node.attribute();
    const auto found = std::find_if(all.begin(), all.end(), [name](const auto& one) { return one.name() == name; });
    return found == all.end() ? nullptr : &*found;
}

HalfRule half_rule(const onnx::NodeProto& node) {
    if (!is_standard(node)) return {};
    const auto* found = std::ranges::find(rules, node.op_type(), &NamedRule::name);
    return found == rules.end() ? HalfRule{} : found->rule;
}

bool is_quantisation(const onnx::NodeProto& node) {
    const std::string& kind = node.op_type();
    return kind == "QuantizeLinear" || kind == "DequantizeLinear" || kind == "DynamicQuantizeLinear" ||
           kind == "ConvInteger" || kind == "MatMulInteger" || kind.starts_with("QLinear");
}

bool is_float_output(const onnx::NodeProto& node, int index, const IsFloat& is_float) {
    if (!is_standard(node)) return false;
    if (const auto made = makes_float(node, index)) return *made;
    int input = -1;
    const HalfRule rule = half_rule(node);
    if (rule.worth != Worth::never) {
        if (index == 0 || rule.outputs == HalfRule::Outputs::all) input = std::countr_zero(rule.inputs);
    } else if (index == 0) {
        const auto* same = std::ranges::find(same_types, node.op_type(), &SameType::name);
        if (same != same_types.end()) input = same->input;
    }
    return input >= 0 && input < node.input_size() && is_float(node.input(input));
}

}  // namespace millrace::infer::graph
