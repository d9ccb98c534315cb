// Where fused layers meet the rest of the model: its inputs and outputs, and the nodes that stay with the runtime.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "infer/fused/trace.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::GraphPort;
using graph::Node;
using graph::Shape;
using graph::TensorType;

constexpr graph::ElementType float32 = 1;
constexpr graph::ElementType float16 = 10;
/// Of a constant that a question about shapes takes along.
constexpr std::int64_t most_asked_values = 1024;

}  // namespace

void Trace::add_inputs() {
    for (const GraphPort& port : graph_.inputs) {
        const auto given = source_.inputs.find(port.name);
        const std::optional<Shape> shape = given == source_.inputs.end() ? port.shape : std::optional(given->second);
        const auto foreign = [&](const std::string& why) { known_.emplace(port.name, Foreign{shape, why}); };
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
        sources_.emplace(value, port.name);
        known_.emplace(port.name, Seen{View(value, draft_.batch, *size, *shape), {}});
    }
}

void Trace::add_outputs() {
    for (const GraphPort& port : graph_.outputs) add_output(port.name);
}

void Trace::add_output(const std::string& name) {
    const auto maker = makers_.find(name);
    if (maker == makers_.end()) return;
    if (constant(name) != nullptr) {
        leave_node(maker->second, fmt::format("output '{}' is the same for every picture", name));
    }
    const View* view = this->view(name);
    if (view == nullptr) return;
    if (draft_.writer(view->value()) >= 0) return leave(name);
    // What comes in and goes out again is copied by a layer.
    if (!realise(name)) return leave_view(name);
    view = this->view(name);
    if (draft_.writer(view->value()) >= 0) return leave(name);
    const Shape shape = view->shape();
    const int copy = add({view->value()}, Identity(), draft_.value(view->value()));
    draft_.layers.back().nodes = {maker->second};
    export_as(name, copy, shape);
}

/// The node stays with the runtime, so that what it reads must be there for it.
void Trace::leave_node(int node, const Reason& why) {
    const Node& left = graph_.nodes[static_cast<std::size_t>(node)];
    reasons_[static_cast<std::size_t>(node)] = why;
    for (const auto* names : {&left.inputs, &left.captured}) {
        for (const std::string& name : *names) leave(name);
    }
    give_foreign(node);
}

void Trace::leave(const std::string& name) {
    const View* view = this->view(name);
    if (view == nullptr) return;
    if (draft_.writer(view->value()) < 0) {
        const std::vector<int> nodes = nodes_behind(name);
        if (!nodes.empty()) leave_node(nodes.back(), Reason(between));
        return;
    }
    if (!view->is_in_order() && !realise(name)) return leave_view(name);
    view = this->view(name);
    export_as(name, view->value(), view->shape());
}

void Trace::leave_view(const std::string& name) {
    const int node = nodes_behind(name).back();
    leave_node(node, fmt::format("{} is fused only where it changes no order, or as part of a shuffle of pixels or "
                                 "channels",
                                 graph_.nodes[static_cast<std::size_t>(node)].op));
}

void Trace::export_as(const std::string& name, int value, Shape shape) {
    draft_.kept.insert(value);
    exports_.insert_or_assign(name, Export{value, std::move(shape)});
}

void Trace::give_foreign(int index) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(index)];
    std::vector<std::string> unknown;
    for (const std::string& output : node.outputs) {
        if (output.empty()) continue;
        if (auto shape = shape_of(output)) {
            known_.insert_or_assign(output, Foreign{std::move(shape), ""});
        } else {
            unknown.push_back(output);
        }
    }
    if (unknown.empty()) return;
    const std::vector<TensorType> types = ask(node, index);
    std::size_t next = 0;
    for (const std::string& output : node.outputs) {
        if (output.empty()) continue;
        const TensorType type = next < types.size() ? types[next] : TensorType();
        ++next;
        if (std::ranges::count(unknown, output) == 0) continue;
        graph_.types.insert_or_assign(output, type.element);
        known_.insert_or_assign(output,
                                Foreign{type.shape, type.is_known() ? "" : fmt::format("{} is not fused", node.name)});
    }
}

/// What the runtime says of all outputs of a node that are there; empty: nothing.
std::vector<TensorType> Trace::ask(const Node& node, int index) const {
    if (!source_.infer) return {};
    graph::Section question{{static_cast<std::size_t>(index)}, {}, {}, {}, most_asked_values};
    for (const auto* names : {&node.inputs, &node.captured}) {
        for (const std::string& name : *names) {
            if (name.empty()) continue;
            const Constant* values = constant(name);
            const TensorType type = type_of(name);
            if (type.element == 0) return {};
            if (values == nullptr) {
                question.inputs.emplace(name, type);
            } else if (makers_.contains(name)) {
                question.constants.emplace(name, graph::TypedConstant{type.element, *values});
            }
        }
    }
    for (const std::string& output : node.outputs) {
        if (!output.empty()) question.outputs.emplace_back(output, TensorType());
    }
    return source_.infer(source_.model.cut(question));
}

/// What other parts of the model make comes in from outside.
Operand Trace::admit(const std::string& name, const Foreign& foreign) {
    if (!foreign.why.empty()) {
        return {.reason = fmt::format("the shape of '{}' is not known: {}", name, foreign.why)};
    }
    const auto type = graph_.types.find(name);
    if (type == graph_.types.end() || (type->second != float32 && type->second != float16)) {
        return {.reason = fmt::format("it reads '{}', which is not float32 or float16", name)};
    }
    const Shape shape = *foreign.shape;
    const auto size = picture_of(shape);
    if (!size || (has_batch_ && shape[0] != draft_.batch)) {
        return {.reason =
                    fmt::format("it reads '{}', {}, expected [batch, channels, height, width]", name, shown(shape))};
    }
    draft_.batch = static_cast<int>(shape[0]);
    has_batch_ = true;
    const int value = draft_.add_value(*size);
    sources_.emplace(value, name);
    known_.insert_or_assign(name, Seen{View(value, draft_.batch, *size, shape), {}});
    return {value, *size, shape, ""};
}

}  // namespace millrace::infer::fused
