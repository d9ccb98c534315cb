// Sums and products of a picture and constants, and of two pictures.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer/fused/operators.h"
#include "infer/fused/steps.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Node;
using Kind = Pointwise::Kind;
using Constants = std::vector<float>;

/// The operands of a node: a picture and constants, or two pictures.
struct Pair {
    Reason reason;
    Operand picture;
    std::optional<Constants> constants;  ///< nullopt: `other` is a picture too
    Operand other;
    bool constants_first = false;
};

Pair pair_of(Trace& trace, const Node& node) {
    Pair pair;
    pair.constants_first = trace.constant(node.input(0)) != nullptr;
    pair.picture = trace.picture(node.input(pair.constants_first ? 1 : 0));
    pair.reason = pair.picture.reason;
    if (!pair.reason.empty()) return pair;
    const std::string& second = node.input(pair.constants_first ? 0 : 1);
    if (const Constant* constant = trace.constant(second)) {
        pair.constants = step_constants(*constant, pair.picture.shape);
        if (!pair.constants) {
            pair.reason = fmt::format("{} of constants of {}, not one for all or one for each channel", node.op,
                                      shown(constant->shape));
        }
        return pair;
    }
    pair.other = trace.picture(second);
    pair.reason = pair.other.reason;
    return pair;
}

bool is_pixel(const Value& size) { return size.height == 1 && size.width == 1; }

bool same_extent(const Value& a, const Value& b) { return a.height == b.height && a.width == b.width; }

/// Why a step cannot put one picture to the other: they must be of one size, or one of a single pixel, with as many
/// channels, or one with one channel. "": it can.
Reason misfit(const Node& node, const Operand& a, const Operand& b) {
    const bool sizes = same_extent(a.size, b.size) || is_pixel(a.size) || is_pixel(b.size);
    const bool channels = a.size.channels == b.size.channels || a.size.channels == 1 || b.size.channels == 1;
    if (a.shape.size() == b.shape.size() && sizes && channels) return "";
    return fmt::format("{} of {} and {}, which have neither one size nor is one of them a single pixel", node.op,
                       shown(a.shape), shown(b.shape));
}

/// Makes two such pictures fit a step: as many channels, and the second of the first's size or one pixel.
void fit(Trace& trace, Operand& a, Operand& b) {
    if (is_pixel(a.size)) std::swap(a, b);
    if (b.size.channels < a.size.channels) b = widened(trace, b, a.size.channels);
    if (a.size.channels < b.size.channels) a = widened(trace, a, b.size.channels);
}

/// Where one operand is the sigmoid of the other and nothing else: the layer of that sigmoid; -1: it is not so.
int sigmoid_between(const Draft& draft, const Operand& x, const Operand& maybe_sigmoid) {
    const int writer = draft.writer(maybe_sigmoid.value);
    if (writer < 0) return -1;
    const Layer& layer = draft.layers[static_cast<std::size_t>(writer)].layer;
    const bool is_it = std::holds_alternative<Identity>(layer.root) && layer.inputs[0] == x.value &&
                       layer.pointwise.size() == 1 && layer.pointwise[0].kind == Kind::sigmoid;
    return is_it ? writer : -1;
}

bool give_silu(Trace& trace, const Node& node, const Operand& x, const Operand& maybe_sigmoid) {
    const int sigmoid = sigmoid_between(trace.draft(), x, maybe_sigmoid);
    if (sigmoid < 0) return false;
    const DraftLayer layer = trace.draft().layers[static_cast<std::size_t>(sigmoid)];
    give_steps(trace, node, x, {step_of(Kind::silu)});
    trace.share_nodes(layer);
    return true;
}

Constants each(Constants constants, float (*change)(float)) {
    std::ranges::transform(constants, constants.begin(), change);
    return constants;
}

float negative(float value) { return -value; }

/// A picture limited by a constant.
Reason lower_limit(Trace& trace, const Node& node, Pointwise (*step)(float)) {
    if (node.inputs.size() != 2) return fmt::format("{} of {} operands", node.op, node.inputs.size());
    const bool first = trace.constant(node.input(0)) != nullptr;
    const auto value = single(trace.constant(node.input(first ? 0 : 1)));
    if (!value) return fmt::format("{} of other than a picture and one constant", node.op);
    const Operand picture = trace.picture(node.input(first ? 1 : 0));
    return picture.reason.empty() ? give_steps(trace, node, picture, {step(*value)}) : picture.reason;
}

}  // namespace

Reason lower_add(Trace& trace, const Node& node) {
    Pair pair = pair_of(trace, node);
    if (!pair.reason.empty()) return pair.reason;
    if (pair.constants) return give_steps(trace, node, pair.picture, {add_step(*pair.constants)});
    Reason reason = misfit(node, pair.picture, pair.other);
    if (!reason.empty()) return reason;
    fit(trace, pair.picture, pair.other);
    return give_steps(trace, node, pair.picture, {step_with(Kind::add, pair.other.value)});
}

/// Two at a time; the partial sums are named by the result's name until there are no more.
Reason lower_sum(Trace& trace, const Node& node) {
    const std::string& result = node.outputs.at(0);
    if (node.inputs.size() == 1) return lower_same(trace, node);
    Node pair = node;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
        pair.inputs = {i == 1 ? node.inputs[0] : result, node.inputs[i]};
        Reason reason = lower_add(trace, pair);
        if (!reason.empty()) return reason;
    }
    return "";
}

Reason lower_sub(Trace& trace, const Node& node) {
    Pair pair = pair_of(trace, node);
    if (!pair.reason.empty()) return pair.reason;
    if (pair.constants && pair.constants_first) {
        return give_steps(trace, node, pair.picture, {multiply_step({-1}), add_step(*pair.constants)});
    }
    if (pair.constants) return give_steps(trace, node, pair.picture, {add_step(each(*pair.constants, negative))});
    Reason reason = misfit(node, pair.picture, pair.other);
    if (!reason.empty()) return reason;
    pair.other.value = trace.add({pair.other.value}, Identity(), pair.other.size, {multiply_step({-1})});
    fit(trace, pair.picture, pair.other);
    return give_steps(trace, node, pair.picture, {step_with(Kind::add, pair.other.value)});
}

Reason lower_mul(Trace& trace, const Node& node) {
    Pair pair = pair_of(trace, node);
    if (!pair.reason.empty()) return pair.reason;
    if (pair.constants) return give_steps(trace, node, pair.picture, {multiply_step(*pair.constants)});
    if (give_silu(trace, node, pair.picture, pair.other) || give_silu(trace, node, pair.other, pair.picture)) return "";
    Reason reason = misfit(node, pair.picture, pair.other);
    if (!reason.empty()) return reason;
    fit(trace, pair.picture, pair.other);
    return give_steps(trace, node, pair.picture, {step_with(Kind::multiply, pair.other.value)});
}

Reason lower_div(Trace& trace, const Node& node) {
    const Pair pair = pair_of(trace, node);
    if (!pair.reason.empty()) return pair.reason;
    if (!pair.constants || pair.constants_first) return "Div by a picture";
    if (std::ranges::count(*pair.constants, 0.0F) > 0) return "Div by zero";
    return give_steps(trace, node, pair.picture,
                      {multiply_step(each(*pair.constants, [](float value) { return 1 / value; }))});
}

Reason lower_max(Trace& trace, const Node& node) {
    return lower_limit(trace, node, [](float value) { return clip_step(value, infinity); });
}

Reason lower_min(Trace& trace, const Node& node) {
    return lower_limit(trace, node, [](float value) { return clip_step(-infinity, value); });
}

Reason lower_batch_normalization(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    if (node.integer("training_mode", 0) != 0 || node.outputs.size() > 1) return "BatchNormalization in training mode";
    std::vector<Constants> inputs;
    for (std::size_t i = 1; i < 5; ++i) {
        const Constant* constant = trace.constant(node.input(i));
        if (constant == nullptr || !constant->is_real() ||
            std::ssize(constant->reals()) != std::ptrdiff_t{picture.size.channels}) {
            return "BatchNormalization of other than one constant for each channel";
        }
        inputs.push_back(constant->reals());
    }
    const double epsilon = node.real("epsilon", 1e-5F);
    Constants factors;
    Constants offsets;
    for (std::size_t c = 0; c < inputs[0].size(); ++c) {
        const double factor = inputs[0][c] / std::sqrt(inputs[3][c] + epsilon);
        factors.push_back(static_cast<float>(factor));
        offsets.push_back(static_cast<float>(inputs[1][c] - inputs[2][c] * factor));
    }
    return give_steps(trace, node, picture, {multiply_step(factors), add_step(offsets)});
}

}  // namespace millrace::infer::fused
