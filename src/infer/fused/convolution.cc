// Conv and ConvTranspose.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "infer/fused/operators.h"
#include "infer/fused/steps.h"
#include "infer/fused/windows.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Node;
using graph::Shape;

constexpr int largest_kernel = 11;
constexpr int largest_stride = 2;
constexpr int largest_transposed_stride = 4;

/// The weights as an ONNX node reads them; null with a reason.
struct Weights {
    const Constant* constant = nullptr;
    Reason reason;
};

Weights weights_of(const Trace& trace, const Node& node) {
    const Constant* constant = trace.constant(node.input(1));
    if (constant == nullptr || !constant->is_real())
        return {nullptr, fmt::format("{}'s weights are not constant", node.op)};
    if (constant->shape.size() != 4 || constant->reals().empty()) {
        return {nullptr, fmt::format("{} of weights of {}, expected four dimensions", node.op, shown(constant->shape))};
    }
    return {constant, ""};
}

Reason check_limits(const Node& node, const Convolution& conv) {
    if (std::max(conv.kernel.y, conv.kernel.x) > largest_kernel) {
        return fmt::format("{} of {} x {} is larger than {} x {}", node.op, conv.kernel.y, conv.kernel.x,
                           largest_kernel, largest_kernel);
    }
    const int limit = conv.transposed ? largest_transposed_stride : largest_stride;
    if (std::max(conv.stride.y, conv.stride.x) > limit) {
        return fmt::format("{} with a stride of {} x {} is beyond {} x {}", node.op, conv.stride.y, conv.stride.x,
                           limit, limit);
    }
    return "";
}

/// The bias as the first step, where there is one.
Reason bias_of(const Trace& trace, const Node& node, int channels, std::vector<Pointwise>& steps) {
    if (node.input(2).empty()) return "";
    const Constant* bias = trace.constant(node.input(2));
    if (bias == nullptr || !bias->is_real() || std::ssize(bias->reals()) != std::ptrdiff_t{channels}) {
        return fmt::format("{}'s bias is not one constant for each channel", node.op);
    }
    steps.push_back(add_step(bias->reals()));
    return "";
}

Reason give_conv(Trace& trace, const Node& node, const Operand& picture, Convolution conv, const Placed& placed) {
    conv.pads = placed.pads;
    const Value output{conv.out_channels, placed.height, placed.width};
    std::vector<Pointwise> steps;
    Reason reason = check_limits(node, conv);
    if (reason.empty()) reason = bias_of(trace, node, conv.out_channels, steps);
    if (!reason.empty()) return reason;
    trace.give(node.outputs.at(0), trace.add({picture.value}, std::move(conv), output, std::move(steps)),
               {picture.shape[0], output.channels, output.height, output.width});
    return "";
}

/// What a node says of a convolution but its weights.
struct Described {
    Reason reason;
    Operand picture;
    Convolution conv;
    Window window;
};

Described describe(Trace& trace, const Node& node, const Shape& weights) {
    Described result;
    result.picture = trace.picture(node.input(0));
    result.reason = result.picture.reason;
    if (!result.reason.empty()) return result;
    if (result.picture.shape.size() != 4) {
        result.reason =
            fmt::format("{} of {}, expected [batch, channels, height, width]", node.op, shown(result.picture.shape));
        return result;
    }
    const Step kernel{static_cast<int>(weights[2]), static_cast<int>(weights[3])};
    const auto window = window_of(node, kernel);
    const std::int64_t groups = node.integer("group", 1);
    if (!window || groups < 1 || groups > weights[0]) {
        result.reason = fmt::format("{}'s attributes do not fit its weights", node.op);
        return result;
    }
    result.window = *window;
    result.conv.kernel = kernel;
    result.conv.stride = window->stride;
    result.conv.dilation = window->dilation;
    result.conv.groups = static_cast<int>(groups);
    return result;
}

}  // namespace

Reason lower_conv(Trace& trace, const Node& node) {
    const Weights weights = weights_of(trace, node);
    if (!weights.reason.empty()) return weights.reason;
    const Shape& shape = weights.constant->shape;
    auto [reason, picture, conv, window] = describe(trace, node, shape);
    if (!reason.empty()) return reason;
    const auto placed = place(window, picture.size, Rounding::down);
    if (!placed || shape[1] * conv.groups != picture.size.channels || shape[0] % conv.groups != 0) {
        return fmt::format("Conv of {} with weights of {} does not fit", shown(picture.shape), shown(shape));
    }
    conv.out_channels = static_cast<int>(shape[0]);
    conv.weights = weights.constant->reals();
    return give_conv(trace, node, picture, std::move(conv), *placed);
}

Reason lower_conv_transpose(Trace& trace, const Node& node) {
    const Weights weights = weights_of(trace, node);
    if (!weights.reason.empty()) return weights.reason;
    const Shape& shape = weights.constant->shape;
    auto [reason, picture, conv, window] = describe(trace, node, shape);
    if (!reason.empty()) return reason;
    const auto placed = place_transposed(node, window, picture.size);
    if (!placed || shape[0] != picture.size.channels || shape[0] % conv.groups != 0) {
        return fmt::format("ConvTranspose of {} with weights of {} does not fit", shown(picture.shape), shown(shape));
    }
    conv.transposed = true;
    conv.out_channels = static_cast<int>(shape[1]) * conv.groups;
    conv.weights = weights.constant->reals();
    return give_conv(trace, node, picture, std::move(conv), *placed);
}

}  // namespace millrace::infer::fused
