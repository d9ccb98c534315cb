// Pools, and the reductions that are pools of the whole picture.

#include <fmt/format.h>

#include <algorithm>

#include "infer/fused/axes.h"
#include "infer/fused/operators.h"
#include "infer/fused/windows.h"

namespace millrace::infer::fused {
namespace {

using graph::Integers;
using graph::Node;
using graph::Shape;

/// A picture of four dimensions, as pools read it.
Operand picture_of_four(Trace& trace, const Node& node) {
    Operand picture = trace.picture(node.input(0));
    if (picture.reason.empty() && picture.shape.size() != 4) {
        picture.reason =
            fmt::format("{} of {}, expected [batch, channels, height, width]", node.op, shown(picture.shape));
    }
    return picture;
}

Reason give_pool(Trace& trace, const Node& node, const Operand& picture, const Pooling& pool, const Step& size) {
    const Value output{picture.size.channels, size.y, size.x};
    trace.give(node.outputs.at(0), trace.add({picture.value}, pool, output),
               {picture.shape[0], output.channels, output.height, output.width});
    return "";
}

/// A pool with a kernel of its own. `kind` is what it computes where padding matters not.
Reason lower_pool(Trace& trace, const Node& node, Pooling::Kind kind) {
    const Operand picture = picture_of_four(trace, node);
    if (!picture.reason.empty()) return picture.reason;
    const Integers kernel = node.integers("kernel_shape", {});
    const bool is_plane = kernel.size() == 2 && std::ranges::max(kernel) < (1 << 14);
    const auto window =
        is_plane ? window_of(node, {static_cast<int>(kernel[0]), static_cast<int>(kernel[1])}) : std::nullopt;
    if (!window) return fmt::format("{}'s attributes are not those of a pool of pictures", node.op);
    if (window->dilation != Step()) return fmt::format("{} with a dilation", node.op);
    const Rounding rounding = node.integer("ceil_mode", 0) != 0 ? Rounding::up : Rounding::down;
    const auto placed = place(*window, picture.size, rounding);
    if (!placed) return fmt::format("{} of {} does not fit its kernel", node.op, shown(picture.shape));
    const bool counts = kind == Pooling::Kind::average && node.integer("count_include_pad", 0) != 0;
    if (counts && rounding == Rounding::up && placed->pads != window->pads) {
        return fmt::format("{} that counts padding and rounds its size up", node.op);
    }
    if (counts && placed->pads != Pads()) kind = Pooling::Kind::average_with_padding;
    const Pooling pool{kind, window->kernel, window->stride, placed->pads};
    return give_pool(trace, node, picture, pool, {placed->height, placed->width});
}

/// Over the axes of height and width that are named, as one pool with nothing around it.
Reason lower_reduction(Trace& trace, const Node& node, Pooling::Kind kind) {
    const Operand picture = picture_of_four(trace, node);
    if (!picture.reason.empty()) return picture.reason;
    const graph::Constant* given = trace.constant(node.input(1));
    if (given == nullptr && !node.input(1).empty()) {
        return fmt::format("a dynamic axis remains: {}'s axes are not constant", node.op);
    }
    const auto axes =
        normalised_axes(given != nullptr && !given->is_real() ? given->integers() : node.integers("axes", {}), 4);
    if (!axes || axes->empty() || std::ranges::min(*axes) < 2) {
        return fmt::format("{} over other axes than height and width", node.op);
    }
    const auto& [channels, height, width] = picture.size;
    const bool rows = std::ranges::count(*axes, 2) > 0;
    const bool columns = std::ranges::count(*axes, 3) > 0;
    const bool keeps = node.integer("keepdims", 1) != 0;
    if (!keeps && !(rows && columns)) return fmt::format("{} that takes one axis away", node.op);
    const Pooling pool{kind, {rows ? height : 1, columns ? width : 1}, {}, {}};
    const Step size{rows ? 1 : height, columns ? 1 : width};
    if (keeps) return give_pool(trace, node, picture, pool, size);
    const int value = trace.add({picture.value}, pool, {channels, 1, 1});
    trace.give(node.outputs.at(0), value, {picture.shape[0], channels});
    return "";
}

Reason lower_global(Trace& trace, const Node& node, Pooling::Kind kind) {
    const Operand picture = picture_of_four(trace, node);
    if (!picture.reason.empty()) return picture.reason;
    const Pooling pool{kind, {picture.size.height, picture.size.width}, {}, {}};
    return give_pool(trace, node, picture, pool, {1, 1});
}

}  // namespace

Reason lower_max_pool(Trace& trace, const Node& node) {
    if (node.outputs.size() > 1) return "MaxPool that gives places too";
    return lower_pool(trace, node, Pooling::Kind::max);
}

Reason lower_average_pool(Trace& trace, const Node& node) { return lower_pool(trace, node, Pooling::Kind::average); }

Reason lower_global_max_pool(Trace& trace, const Node& node) { return lower_global(trace, node, Pooling::Kind::max); }

Reason lower_global_average_pool(Trace& trace, const Node& node) {
    return lower_global(trace, node, Pooling::Kind::average);
}

Reason lower_reduce_max(Trace& trace, const Node& node) { return lower_reduction(trace, node, Pooling::Kind::max); }

Reason lower_reduce_mean(Trace& trace, const Node& node) {
    return lower_reduction(trace, node, Pooling::Kind::average);
}

}  // namespace millrace::infer::fused
