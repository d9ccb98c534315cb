#pragma once
// Nodes that read nothing but constants, computed ahead: the arithmetic of shapes and of weights.

#include <optional>
#include <span>

#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// The node's only output. An input that is left out is null. nullopt: not among what is computed, the inputs do not
/// fit it, or the result would be larger than any that is worth it (2^28 values).
[[nodiscard]] std::optional<graph::Constant> fold_constants(const graph::Node& node,
                                                            std::span<const graph::Constant* const> inputs);

}  // namespace millrace::infer::fused
