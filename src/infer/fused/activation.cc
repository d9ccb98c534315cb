// Operators of one picture, value by value.

#include <fmt/format.h>

#include <limits>

#include "infer/fused/operators.h"
#include "infer/fused/steps.h"

namespace millrace::infer::fused {
namespace {

using graph::Node;

Reason give(Trace& trace, const Node& node, const std::vector<Pointwise>& steps) {
    const Operand picture = trace.picture(node.input(0));
    return picture.reason.empty() ? give_steps(trace, node, picture, steps) : picture.reason;
}

/// A limit of Clip, by input or before operator set 11 by attribute. nullopt: it is not constant.
std::optional<float> limit(const Trace& trace, const Node& node, std::size_t index, float missing) {
    if (!node.input(index).empty()) return single(trace.constant(node.input(index)));
    return node.real(index == 1 ? "min" : "max", missing);
}

/// clip(alpha * x + beta, 0, 1)
std::vector<Pointwise> hard_sigmoid(float alpha, float beta) {
    return {multiply_step({alpha}), add_step({beta}), clip_step(0, 1)};
}

}  // namespace

Reason lower_relu(Trace& trace, const Node& node) { return give(trace, node, {clip_step(0, infinity)}); }

Reason lower_leaky_relu(Trace& trace, const Node& node) {
    return give(trace, node, {prelu_step({node.real("alpha", 0.01F)})});
}

Reason lower_prelu(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const graph::Constant* slope = trace.constant(node.input(1));
    if (slope == nullptr) return "PRelu's slope is not constant";
    const auto slopes = step_constants(*slope, picture.shape);
    if (!slopes)
        return fmt::format("PRelu's slope is {}, not one for all or one for each channel", shown(slope->shape));
    return give_steps(trace, node, picture, {prelu_step(*slopes)});
}

Reason lower_clip(Trace& trace, const Node& node) {
    const auto low = limit(trace, node, 1, -infinity);
    const auto high = limit(trace, node, 2, infinity);
    if (!low || !high) return "Clip's limits are not constant";
    return give(trace, node, {clip_step(*low, *high)});
}

Reason lower_sigmoid(Trace& trace, const Node& node) { return give(trace, node, {step_of(Pointwise::Kind::sigmoid)}); }

Reason lower_tanh(Trace& trace, const Node& node) { return give(trace, node, {step_of(Pointwise::Kind::tanh)}); }

Reason lower_hard_sigmoid(Trace& trace, const Node& node) {
    return give(trace, node, hard_sigmoid(node.real("alpha", 0.2F), node.real("beta", 0.5F)));
}

Reason lower_hard_swish(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    std::vector<Pointwise> steps = hard_sigmoid(1.0F / 6, 0.5F);
    steps.push_back(step_with(Pointwise::Kind::multiply, picture.value));
    return give_steps(trace, node, picture, steps);
}

Reason lower_neg(Trace& trace, const Node& node) { return give(trace, node, {multiply_step({-1})}); }

Reason lower_abs(Trace& trace, const Node& node) { return give(trace, node, {prelu_step({-1})}); }

}  // namespace millrace::infer::fused
