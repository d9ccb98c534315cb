#pragma once
// Axes and shapes as ONNX's attributes and inputs give them.

#include <optional>

#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// Axes counted from the end where negative; nullopt: beyond the rank, or one twice.
[[nodiscard]] std::optional<graph::Integers> normalised_axes(graph::Integers axes, std::size_t rank);

/// What Reshape makes of a shape: -1 is what is left, and 0 the same as before, unless `node` has allowzero. nullopt:
/// it does not fit.
[[nodiscard]] std::optional<graph::Shape> reshaped(const graph::Node& node, const graph::Shape& shape,
                                                   const graph::Integers& wanted);

/// [batch, all the rest] at the axis that Flatten has.
[[nodiscard]] std::optional<graph::Shape> flattened(const graph::Node& node, const graph::Shape& shape);

/// Without the axes, which must be of 1; no axes: without all that are.
[[nodiscard]] std::optional<graph::Shape> squeezed(const graph::Shape& shape, const graph::Integers& axes);

/// With new axes of 1 at those places of the result.
[[nodiscard]] std::optional<graph::Shape> unsqueezed(const graph::Shape& shape, const graph::Integers& axes);

/// The order of axes that Transpose has; by default the last first.
[[nodiscard]] std::optional<graph::Integers> transposition(const graph::Node& node, std::size_t rank);

}  // namespace millrace::infer::fused
