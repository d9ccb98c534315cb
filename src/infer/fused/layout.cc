// Operators that compute nothing: they name, reshape and reorder.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "infer/fused/axes.h"
#include "infer/fused/operators.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Integers;
using graph::Node;
using graph::Shape;

/// A value for the operators that change its shape: a picture, or already a view of one.
struct Shaped {
    const View* view = nullptr;
    Reason reason;
};

Shaped shaped(Trace& trace, const Node& node) {
    const View* view = trace.view(node.input(0));
    if (view != nullptr) return {view, ""};
    const Operand picture = trace.picture(node.input(0));
    return {trace.view(node.input(0)), picture.reason};
}

/// Integers of an input, or before it became one of an attribute.
std::optional<Integers> integers(const Trace& trace, const Node& node, std::size_t index,
                                 const std::string& attribute) {
    if (node.input(index).empty()) return node.integers(attribute, {});
    const Constant* constant = trace.constant(node.input(index));
    return constant == nullptr || constant->is_real() ? std::nullopt : std::optional(constant->integers());
}

Reason give_shaped(Trace& trace, const Node& node, const View& view, const std::optional<Shape>& shape) {
    if (!shape || graph::count_of(*shape) != graph::count_of(view.shape())) {
        return fmt::format("{} does not fit {}", node.op, shown(view.shape()));
    }
    trace.give(node.outputs.at(0), view.reshaped(*shape));
    return "";
}

/// Squeeze and Unsqueeze.
Reason lower_ones(Trace& trace, const Node& node, std::optional<Shape> (*change)(const Shape&, const Integers&)) {
    const auto [view, reason] = shaped(trace, node);
    if (!reason.empty()) return reason;
    const auto axes = integers(trace, node, 1, "axes");
    if (!axes) return fmt::format("a dynamic axis remains: {}'s axes are not constant", node.op);
    return give_shaped(trace, node, *view, change(view->shape(), *axes));
}

}  // namespace

Reason lower_same(Trace& trace, const Node& node) {
    const auto [view, reason] = shaped(trace, node);
    if (reason.empty()) trace.give_same(node.outputs.at(0), node.input(0));
    return reason;
}

Reason lower_dropout(Trace& trace, const Node& node) {
    const Constant* training = trace.constant(node.input(2));
    const bool trains =
        !node.input(2).empty() && (training == nullptr || training->is_real() || training->integers() != Integers{0});
    if (trains) return "Dropout in training mode";
    return lower_same(trace, node);
}

Reason lower_cast(Trace& trace, const Node& node) {
    constexpr std::int64_t float32 = 1;
    constexpr std::int64_t float16 = 10;
    const std::int64_t to = node.integer("to", 0);
    if (to != float32 && to != float16) return "Cast to other than float32 or float16";
    return lower_same(trace, node);
}

Reason lower_shape(Trace& trace, const Node& node) {
    auto shape = trace.shape_of(node.input(0));
    if (!shape) return trace.picture(node.input(0)).reason;
    const auto rank = static_cast<std::int64_t>(shape->size());
    const auto placed = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    const std::int64_t first = placed(node.integer("start", 0));
    const std::int64_t last = std::max(first, placed(node.integer("end", rank)));
    trace.give(node.outputs.at(0), Constant{{last - first}, Integers(shape->begin() + first, shape->begin() + last)});
    return "";
}

Reason lower_reshape(Trace& trace, const Node& node) {
    const auto [view, reason] = shaped(trace, node);
    if (!reason.empty()) return reason;
    const auto wanted = integers(trace, node, 1, "shape");
    if (!wanted) return "a dynamic axis remains: Reshape's shape is not constant";
    return give_shaped(trace, node, *view, reshaped(node, view->shape(), *wanted));
}

Reason lower_flatten(Trace& trace, const Node& node) {
    const auto [view, reason] = shaped(trace, node);
    return reason.empty() ? give_shaped(trace, node, *view, flattened(node, view->shape())) : reason;
}

Reason lower_squeeze(Trace& trace, const Node& node) { return lower_ones(trace, node, squeezed); }

Reason lower_unsqueeze(Trace& trace, const Node& node) { return lower_ones(trace, node, unsqueezed); }

Reason lower_transpose(Trace& trace, const Node& node) {
    const auto [view, reason] = shaped(trace, node);
    if (!reason.empty()) return reason;
    const auto order = transposition(node, view->shape().size());
    const auto turned = order ? view->transposed(*order) : std::nullopt;
    if (!turned)
        return fmt::format("Transpose of {} is not part of a shuffle of pixels or channels", shown(view->shape()));
    trace.give(node.outputs.at(0), *turned);
    return "";
}

Reason lower_depth_to_space(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const std::int64_t block = node.integer("blocksize", 0);
    const auto& [channels, height, width] = picture.size;
    constexpr std::int64_t most_pixels = 1 << 16;
    if (block < 1 || block > channels || channels % (block * block) != 0 ||
        std::max(height, width) * block > most_pixels) {
        return fmt::format("DepthToSpace by {} does not fit {}", block, shown(picture.shape));
    }
    const int by = static_cast<int>(block);
    if (by == 1) return lower_same(trace, node);
    const Value size{channels / (by * by), height * by, width * by};
    const DepthToSpace root{by, node.text("mode", "DCR") == "CRD"};
    trace.give(node.outputs.at(0), trace.add({picture.value}, root, size),
               {picture.shape[0], size.channels, size.height, size.width});
    return "";
}

Reason lower_concat(Trace& trace, const Node& node) {
    std::vector<int> values;
    std::optional<Operand> first;
    Value size;
    for (const std::string& input : node.inputs) {
        const Operand picture = trace.picture(input);
        if (!picture.reason.empty()) return picture.reason;
        if (!first) first = picture;
        const Value& one = picture.size;
        if (one.height != first->size.height || one.width != first->size.width ||
            picture.shape.size() != first->shape.size()) {
            return fmt::format("Concat of {} and {} other than by channels", shown(first->shape), shown(picture.shape));
        }
        constexpr int most_channels = 1 << 20;
        if (size.channels > most_channels) return "Concat of more channels than a picture may have";
        size = {size.channels + one.channels, one.height, one.width};
        values.push_back(picture.value);
    }
    const auto axes = normalised_axes({node.integer("axis", 0)}, first->shape.size());
    if (axes != Integers{1}) return "Concat other than by channels";
    Shape shape = first->shape;
    shape[1] = size.channels;
    trace.give(node.outputs.at(0), trace.add(std::move(values), Concat(), size), std::move(shape));
    return "";
}

}  // namespace millrace::infer::fused
