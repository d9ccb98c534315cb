#pragma once
// What several operators do alike with pointwise steps.

#include <limits>
#include <optional>
#include <vector>

#include "infer/fused/trace.h"

namespace millrace::infer::fused {

inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// Constants as a step takes them, for a picture of `shape` by the model: one for all, or one for each channel, also
/// where the picture has only one. nullopt: they differ from pixel to pixel or from frame to frame, or are not real.
[[nodiscard]] std::optional<std::vector<float>> step_constants(const graph::Constant& constant,
                                                               const graph::Shape& shape);

/// The only value of a constant; nullopt: there are more, or it is not real.
[[nodiscard]] std::optional<float> single(const graph::Constant* constant);

[[nodiscard]] Pointwise add_step(std::vector<float> constants);
[[nodiscard]] Pointwise multiply_step(std::vector<float> constants);
[[nodiscard]] Pointwise prelu_step(std::vector<float> slopes);
[[nodiscard]] Pointwise clip_step(float low, float high);
[[nodiscard]] Pointwise step_of(Pointwise::Kind kind);
/// add or multiply by another value.
[[nodiscard]] Pointwise step_with(Pointwise::Kind kind, int value);

/// The same one channel as often as wanted.
[[nodiscard]] Operand widened(Trace& trace, const Operand& picture, int channels);

/// A layer of steps behind a picture, the node's first output. A picture of one channel is widened for steps that have
/// constants for more.
Reason give_steps(Trace& trace, const graph::Node& node, Operand picture, const std::vector<Pointwise>& steps);

}  // namespace millrace::infer::fused
