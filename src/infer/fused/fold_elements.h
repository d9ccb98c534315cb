#pragma once
// Constant folding, element by element.

#include <optional>
#include <span>
#include <string>

#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// Whether a constant of that shape is worth memory: 2^28 values at most.
[[nodiscard]] bool is_possible(const graph::Shape& shape);

/// What two shapes are together by ONNX's rule; nullopt: they do not fit, or nothing possible comes of them.
[[nodiscard]] std::optional<graph::Shape> broadcast(const graph::Shape& a, const graph::Shape& b);

/// Copies to `shape` by the same rule. The shape must be one that broadcast() gives of the constant's and another.
[[nodiscard]] graph::Constant expanded(const graph::Constant& constant, const graph::Shape& shape);

/// Neg, Sqrt, Floor and their like; nullopt: `op` is none, or not of that type.
[[nodiscard]] std::optional<graph::Constant> fold_unary(const std::string& op, const graph::Constant& a);
/// Add, Mul, Equal and their like.
[[nodiscard]] std::optional<graph::Constant> fold_binary(const std::string& op, const graph::Constant& a,
                                                         const graph::Constant& b);
/// Where; `condition` is integers.
[[nodiscard]] std::optional<graph::Constant> fold_where(const graph::Constant& condition, const graph::Constant& a,
                                                        const graph::Constant& b);

}  // namespace millrace::infer::fused
