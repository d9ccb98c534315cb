#include "infer/fused/steps.h"

#include <algorithm>
#include <utility>

namespace millrace::infer::fused {

using graph::Constant;
using graph::Shape;

std::optional<std::vector<float>> step_constants(const Constant& constant, const Shape& shape) {
    if (!constant.is_real() || constant.reals().empty() || constant.shape.size() > shape.size()) return std::nullopt;
    const std::size_t missing = shape.size() - constant.shape.size();
    bool by_channel = true;
    for (std::size_t i = 0; i < constant.shape.size(); ++i) {
        const std::size_t axis = missing + i;
        if (constant.shape[i] == 1 || axis == 1) continue;
        if (constant.shape[i] != shape[axis]) return std::nullopt;
        by_channel = false;
    }
    const std::vector<float>& values = constant.reals();
    const bool all_same = std::ranges::all_of(values, [&](float value) { return value == values[0]; });
    const bool widens = missing <= 1 && shape[1] == 1 && constant.shape[1 - missing] > 1;
    if (all_same && !widens) return std::vector{values[0]};
    if (!by_channel) return std::nullopt;
    const auto channels = static_cast<std::int64_t>(values.size());
    return channels == shape[1] || shape[1] == 1 ? std::optional(values) : std::nullopt;
}

std::optional<float> single(const Constant* constant) {
    if (constant == nullptr || !constant->is_real() || constant->reals().size() != 1) return std::nullopt;
    return constant->reals()[0];
}

Pointwise add_step(std::vector<float> constants) {
    return {.kind = Pointwise::Kind::add, .constants = std::move(constants)};
}

Pointwise multiply_step(std::vector<float> constants) {
    return {.kind = Pointwise::Kind::multiply, .constants = std::move(constants)};
}

Pointwise prelu_step(std::vector<float> slopes) {
    return {.kind = Pointwise::Kind::prelu, .constants = std::move(slopes)};
}

Pointwise clip_step(float low, float high) {
    Pointwise step = step_of(Pointwise::Kind::clip);
    step.low = low;
    step.high = high;
    return step;
}

Pointwise step_of(Pointwise::Kind kind) {
    Pointwise step;
    step.kind = kind;
    return step;
}

Pointwise step_with(Pointwise::Kind kind, int value) {
    Pointwise step = step_of(kind);
    step.value = value;
    return step;
}

Operand widened(Trace& trace, const Operand& picture, int channels) {
    Convolution ones;
    ones.out_channels = channels;
    ones.weights.assign(static_cast<std::size_t>(channels), 1.0F);
    Operand wide = picture;
    wide.size.channels = channels;
    wide.shape[1] = channels;
    wide.value = trace.add({picture.value}, std::move(ones), wide.size);
    return wide;
}

Reason give_steps(Trace& trace, const graph::Node& node, Operand picture, const std::vector<Pointwise>& steps) {
    std::size_t channels = 1;
    for (const Pointwise& step : steps) channels = std::max(channels, step.constants.size());
    if (picture.size.channels == 1 && channels > 1) picture = widened(trace, picture, static_cast<int>(channels));
    trace.give(node.outputs.at(0), trace.add({picture.value}, Identity(), picture.size, steps), picture.shape);
    return "";
}

}  // namespace millrace::infer::fused
