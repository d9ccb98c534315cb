#include "infer/fused/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "infer/fused/fold_constants.h"
#include "infer/fused/operators.h"
#include "infer/fused/selection.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::GraphPort;
using graph::Node;
using graph::Shape;

/// The picture that a shape of two to four dimensions means; nullopt: none, or one that is too large for any device.
std::optional<Value> picture_of(const Shape& shape) {
    constexpr std::int64_t most = 1 << 16;
    if (shape.size() < 2 || shape.size() > 4) return std::nullopt;
    if (std::ranges::any_of(shape, [](std::int64_t extent) { return extent < 1 || extent > most; })) {
        return std::nullopt;
    }
    const auto extent = [&](std::size_t axis) { return axis < shape.size() ? static_cast<int>(shape[axis]) : 1; };
    return Value{extent(1), extent(2), extent(3)};
}

/// Of a node that is not fused, where its result surely has the shape and the type of what it reads.
bool keeps_shape(const Node& node) {
    static const std::set<std::string> known{"Ceil",
                                             "Celu",
                                             "Clip",
                                             "Cos",
                                             "Dropout",
                                             "Elu",
                                             "Erf",
                                             "Exp",
                                             "Floor",
                                             "Gelu",
                                             "GroupNormalization",
                                             "Hardmax",
                                             "Identity",
                                             "InstanceNormalization",
                                             "LRN",
                                             "LayerNormalization",
                                             "Log",
                                             "LogSoftmax",
                                             "LpNormalization",
                                             "MeanVarianceNormalization",
                                             "Mish",
                                             "Reciprocal",
                                             "Round",
                                             "Selu",
                                             "Sign",
                                             "Sin",
                                             "Softmax",
                                             "Softplus",
                                             "Softsign",
                                             "Sqrt",
                                             "ThresholdedRelu",
                                             "BatchNormalization",
                                             "PRelu",
                                             "LeakyRelu",
                                             "HardSigmoid"};
    return node.domain.empty() && known.contains(node.op);
}

}  // namespace

std::string shown(const Shape& shape) {
    std::vector<std::string> extents;
    extents.reserve(shape.size());
    for (const std::int64_t extent : shape) extents.push_back(extent < 0 ? "?" : std::to_string(extent));
    return fmt::format("[{}]", fmt::join(extents, ", "));
}

Trace::Trace(graph::ModelGraph graph, const InputShapes& inputs)
    : graph_(std::move(graph)), shapes_(inputs), reasons_(graph_.nodes.size()) {}

void Trace::run() {
    add_inputs();
    for (auto& [name, constant] : graph_.constants) known_.emplace(name, std::move(constant));
    for (const Node& node : graph_.nodes) {
        visit(node);
        ++current_;
    }
    add_outputs();
}

void Trace::add_inputs() {
    for (const GraphPort& port : graph_.inputs) {
        const auto given = shapes_.find(port.name);
        const std::optional<Shape> shape = given == shapes_.end() ? port.shape : std::optional(given->second);
        const auto foreign = [&](const std::string& why) { known_.emplace(port.name, Foreign{std::nullopt, why}); };
        if (port.type != "float32" && port.type != "float16") {
            foreign(fmt::format("input '{}' is {}, not float32 or float16", port.name, port.type));
            continue;
        }
        if (!shape || std::ranges::any_of(*shape, [](std::int64_t extent) { return extent < 0; })) {
            foreign(fmt::format("a dynamic axis remains: input '{}' is {}", port.name,
                                shape ? shown(*shape) : "of any shape"));
            continue;
        }
        const auto size = picture_of(*shape);
        if (!size || (has_batch_ && (*shape)[0] != draft_.batch)) {
            foreign(fmt::format("input '{}' is {}, expected [{}, channels, height, width]", port.name, shown(*shape),
                                has_batch_ ? std::to_string(draft_.batch) : "batch"));
            continue;
        }
        draft_.batch = static_cast<int>((*shape)[0]);
        has_batch_ = true;
        const int value = draft_.add_value(*size);
        inputs_.push_back({port.name, value});
        known_.emplace(port.name, Seen{View(value, draft_.batch, *size, *shape), {}});
    }
}

/// An output that is no picture falls back on the node that gives it.
void Trace::add_outputs() {
    for (const GraphPort& port : graph_.outputs) {
        const Operand operand = picture(port.name);
        if (operand.reason.empty()) {
            draft_.kept.insert(operand.value);
            outputs_.push_back({port.name, operand.value});
            continue;
        }
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (std::ranges::count(graph_.nodes[i].outputs, port.name) > 0 && reasons_[i].empty()) {
                reasons_[i] = constant(port.name) != nullptr
                                  ? fmt::format("output '{}' is the same for every picture", port.name)
                                  : operand.reason;
            }
        }
    }
}

void Trace::visit(const Node& node) {
    Reason& reason = reasons_[static_cast<std::size_t>(current_)];
    const auto is_constant = [this](const std::string& name) { return name.empty() || constant(name) != nullptr; };
    if (node.outputs.empty()) return;
    const Reason why = std::ranges::all_of(node.inputs, is_constant) ? fold(node) : lower(node);
    if (why.empty()) return;
    reason = why;
    for (const std::string& input : node.inputs) {
        if (const View* read = view(input)) draft_.kept.insert(read->value());
    }
    give_foreign(node);
}

Reason Trace::fold(const Node& node) {
    std::vector<const Constant*> inputs;
    for (const std::string& name : node.inputs) inputs.push_back(constant(name));
    auto folded = node.domain.empty() ? fold_constants(node, inputs) : std::nullopt;
    if (!folded) return fmt::format("{} of constants is not among what is computed ahead", node.op);
    give(node.outputs.at(0), std::move(*folded));
    return "";
}

Reason Trace::lower(const Node& node) {
    if (!node.domain.empty()) return fmt::format("{}.{} is not among what is fused", node.domain, node.op);
    const Lowering lowering = find_lowering(node.op);
    if (lowering == nullptr) return fmt::format("{} is not among what is fused", node.op);
    return lowering(*this, node);
}

void Trace::give_foreign(const Node& node) {
    for (const std::string& output : node.outputs) {
        known_.try_emplace(output, Foreign{std::nullopt, fmt::format("{} is not fused", node.name)});
    }
    const auto shape = shape_of(node.input(0));
    if (!node.outputs.empty() && shape && keeps_shape(node)) give_shape(node.outputs[0], *shape);
}

const Trace::Known* Trace::find(const std::string& name) const {
    const auto found = known_.find(name);
    return found == known_.end() ? nullptr : &found->second;
}

const Constant* Trace::constant(const std::string& name) const {
    const Known* known = find(name);
    return known == nullptr ? nullptr : std::get_if<Constant>(known);
}

const View* Trace::view(const std::string& name) const {
    const Known* known = find(name);
    const Seen* seen = known == nullptr ? nullptr : std::get_if<Seen>(known);
    return seen == nullptr ? nullptr : &seen->view;
}

std::optional<Shape> Trace::shape_of(const std::string& name) const {
    const Known* known = find(name);
    if (known == nullptr) return std::nullopt;
    if (const auto* constant = std::get_if<Constant>(known)) return constant->shape;
    if (const auto* seen = std::get_if<Seen>(known)) return seen->view.shape();
    return std::get<Foreign>(*known).shape;
}

Operand Trace::picture(const std::string& name) {
    const auto found = known_.find(name);
    if (found == known_.end()) return {.reason = fmt::format("it reads '{}', which no node before it gives", name)};
    if (const auto* foreign = std::get_if<Foreign>(&found->second)) return admit(name, *foreign);
    if (auto* seen = std::get_if<Seen>(&found->second)) return realise(name, *seen);
    return {.reason = fmt::format("it reads constants, '{}', as a picture", name)};
}

/// What other parts of the model make comes in from outside.
Operand Trace::admit(const std::string& name, const Foreign& foreign) {
    if (!foreign.shape) return {.reason = fmt::format("the shape of '{}' is not known: {}", name, foreign.why)};
    const Shape shape = *foreign.shape;
    const auto size = picture_of(shape);
    if (!size || (has_batch_ && shape[0] != draft_.batch)) {
        return {.reason =
                    fmt::format("it reads '{}', {}, expected [batch, channels, height, width]", name, shown(shape))};
    }
    const int value = draft_.add_value(*size);
    known_.insert_or_assign(name, Seen{View(value, static_cast<int>(shape[0]), *size, shape), {}});
    return {value, *size, shape, ""};
}

/// The layer that makes a view a picture of its own; nullopt: there is none for it.
std::optional<Root> Trace::reordered(const View& view) const {
    if (view.shape().size() != 4) return std::nullopt;
    const int channels = draft_.value(view.value()).channels;
    if (const auto shuffle = view.depth_to_space()) return *shuffle;
    if (std::max<std::int64_t>(channels, view.shape()[1]) > most_channels_to_pick) return std::nullopt;
    if (const auto shuffle = view.space_to_depth()) return space_to_depth(channels, *shuffle);
    if (const auto order = view.channel_order()) return channels_of(channels, *order);
    return std::nullopt;
}

Operand Trace::realise(const std::string& name, Seen& seen) {
    const Value size = draft_.value(seen.view.value());
    const Shape shape = seen.view.shape();
    if (seen.view.is_picture()) return {seen.view.value(), size, shape, ""};
    if (auto root = reordered(seen.view)) {
        const int value = add({seen.view.value()}, *std::move(root), *picture_of(shape));
        DraftLayer& layer = draft_.layers.back();
        layer.nodes = seen.nodes;
        layer.layer.name = graph_.nodes[static_cast<std::size_t>(seen.nodes.back())].name;
        give(name, value, shape);
        return {value, *picture_of(shape), shape, ""};
    }
    for (const int node : seen.nodes) {
        reasons_[static_cast<std::size_t>(node)] =
            fmt::format("{} is fused only where it changes no order, or as part of a shuffle of pixels or channels",
                        graph_.nodes[static_cast<std::size_t>(node)].op);
    }
    return {.reason = fmt::format("it reads '{}', a picture of {} x {} x {} turned into {}", name, size.channels,
                                  size.height, size.width, shown(shape))};
}

int Trace::add(std::vector<int> inputs, Root root, const Value& output, std::vector<Pointwise> pointwise) {
    Layer layer;
    // Behind the last node outputs are made.
    const std::size_t last = graph_.nodes.size() - 1;
    layer.name = graph_.nodes.at(std::min(static_cast<std::size_t>(current_), last)).name;
    layer.inputs = std::move(inputs);
    layer.output = draft_.add_value(output);
    layer.root = std::move(root);
    layer.pointwise = std::move(pointwise);
    std::vector<int> step_nodes(layer.pointwise.size(), current_);
    std::vector<int> nodes;
    if (!std::holds_alternative<Identity>(layer.root)) nodes.push_back(current_);
    draft_.layers.push_back({std::move(layer), std::move(nodes), std::move(step_nodes)});
    return draft_.layers.back().layer.output;
}

void Trace::share_nodes(const DraftLayer& other) {
    std::vector<int>& nodes = draft_.layers.back().nodes;
    nodes.insert(nodes.end(), other.step_nodes.begin(), other.step_nodes.end());
}

std::vector<int> Trace::nodes_behind(const std::string& name) const {
    const Known* known = find(name);
    const Seen* seen = known == nullptr ? nullptr : std::get_if<Seen>(known);
    return seen == nullptr ? std::vector<int>() : seen->nodes;
}

void Trace::give(const std::string& name, int value, Shape shape) {
    known_.insert_or_assign(name, Seen{View(value, draft_.batch, draft_.value(value), std::move(shape)), {}});
}

void Trace::give(const std::string& name, View view) {
    const std::string& from = graph_.nodes[static_cast<std::size_t>(current_)].input(0);
    const View* before = this->view(from);
    std::vector<int> nodes = before == nullptr || before->is_picture() ? std::vector<int>() : nodes_behind(from);
    nodes.push_back(current_);
    known_.insert_or_assign(name, Seen{std::move(view), std::move(nodes)});
}

void Trace::give(const std::string& name, Constant constant) { known_.insert_or_assign(name, std::move(constant)); }

void Trace::give_same(const std::string& name, const std::string& as) {
    Known known = known_.at(as);
    if (auto* seen = std::get_if<Seen>(&known)) seen->nodes.push_back(current_);
    known_.insert_or_assign(name, std::move(known));
}

void Trace::give_shape(const std::string& name, Shape shape) {
    known_.insert_or_assign(name, Foreign{std::move(shape), ""});
}

}  // namespace millrace::infer::fused
