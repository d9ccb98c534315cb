#include "infer/fused/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "infer/fused/fold_constants.h"
#include "infer/fused/operators.h"
#include "infer/fused/selection.h"

namespace millrace::infer::fused {

using graph::Constant;
using graph::Node;
using graph::Shape;

std::optional<Value> picture_of(const Shape& shape) {
    constexpr std::int64_t most = 1 << 16;
    if (shape.size() < 2 || shape.size() > 4) return std::nullopt;
    if (std::ranges::any_of(shape, [](std::int64_t extent) { return extent < 1 || extent > most; })) {
        return std::nullopt;
    }
    const auto extent = [&](std::size_t axis) { return axis < shape.size() ? static_cast<int>(shape[axis]) : 1; };
    return Value{extent(1), extent(2), extent(3)};
}

std::string shown(const Shape& shape) {
    std::vector<std::string> extents;
    extents.reserve(shape.size());
    for (const std::int64_t extent : shape) extents.push_back(extent < 0 ? "?" : std::to_string(extent));
    return fmt::format("[{}]", fmt::join(extents, ", "));
}

Trace::Trace(const TraceSource& source) : source_(source), graph_(source.model.graph()), reasons_(graph_.nodes.size()) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        for (const std::string& output : graph_.nodes[i].outputs) makers_.emplace(output, static_cast<int>(i));
    }
}

void Trace::run() {
    add_inputs();
    for (auto& [name, constant] : graph_.constants) known_.emplace(name, std::move(constant));
    for (const Node& node : graph_.nodes) {
        visit(node);
        ++current_;
    }
    add_outputs();
}

void Trace::visit(const Node& node) {
    const auto is_constant = [this](const std::string& name) { return name.empty() || constant(name) != nullptr; };
    if (node.outputs.empty()) return;
    Reason why(not_worth);
    if (!source_.left.contains(current_)) {
        why = std::ranges::all_of(node.inputs, is_constant) ? fold(node) : lower(node);
    }
    if (why.empty()) {
        note_types(node);
    } else {
        leave_node(current_, why);
    }
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

/// What is fused or folded gives mostly what it is given.
void Trace::note_types(const Node& node) {
    constexpr graph::ElementType int64 = 7;
    constexpr graph::ElementType boolean = 9;
    static const std::set<std::string> questions{"Equal",          "Less", "LessOrEqual", "Greater",
                                                 "GreaterOrEqual", "And",  "Or"};
    graph::ElementType type = 0;
    if (node.op == "Cast") {
        type = static_cast<graph::ElementType>(node.integer("to", 0));
    } else if (node.op == "Shape") {
        type = int64;
    } else if (questions.contains(node.op)) {
        type = boolean;
    } else if (const auto found = graph_.types.find(node.input(node.op == "Where" ? 1 : 0));
               found != graph_.types.end()) {
        type = found->second;
    }
    for (const std::string& output : node.outputs) graph_.types.try_emplace(output, type);
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

graph::TensorType Trace::type_of(const std::string& name) const {
    const auto type = graph_.types.find(name);
    graph::TensorType known{type == graph_.types.end() ? 0 : type->second, std::nullopt};
    const Known* value = find(name);
    if (value == nullptr) return known;
    if (const auto* foreign = std::get_if<Foreign>(value)) {
        known.shape = foreign->shape;
    } else {
        known.shape = shape_of(name);
    }
    return known;
}

std::optional<Shape> Trace::shape_of(const std::string& name) const {
    const Known* known = find(name);
    if (known == nullptr) return std::nullopt;
    if (const auto* constant = std::get_if<Constant>(known)) return constant->shape;
    if (const auto* seen = std::get_if<Seen>(known)) return seen->view.shape();
    const auto& shape = std::get<Foreign>(*known).shape;
    if (!shape || std::ranges::any_of(*shape, [](std::int64_t extent) { return extent < 0; })) return std::nullopt;
    return shape;
}

Operand Trace::picture(const std::string& name) {
    const Known* known = find(name);
    if (known == nullptr) return {.reason = fmt::format("it reads '{}', which no node before it gives", name)};
    if (std::holds_alternative<Constant>(*known)) {
        return {.reason = fmt::format("it reads constants, '{}', as a picture", name)};
    }
    if (std::holds_alternative<Seen>(*known)) {
        if (auto operand = realise(name)) return *std::move(operand);
        leave_view(name);
    }
    return admit(name, std::get<Foreign>(known_.at(name)));
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

std::optional<Operand> Trace::realise(const std::string& name) {
    const Seen seen = std::get<Seen>(known_.at(name));
    const Value size = draft_.value(seen.view.value());
    const Shape shape = seen.view.shape();
    if (seen.view.is_picture()) return Operand{seen.view.value(), size, shape, ""};
    auto root = reordered(seen.view);
    if (!root) return std::nullopt;
    const int value = add({seen.view.value()}, *std::move(root), *picture_of(shape));
    DraftLayer& layer = draft_.layers.back();
    layer.nodes = seen.nodes;
    layer.layer.name = graph_.nodes[static_cast<std::size_t>(seen.nodes.back())].name;
    give(name, value, shape);
    return Operand{value, *picture_of(shape), shape, ""};
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

}  // namespace millrace::infer::fused
