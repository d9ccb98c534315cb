#pragma once
// What a report says of a model in parts.

#include <span>
#include <string>

#include "infer/fused/lower.h"

namespace millrace::infer::fused {

/// "Softmax 'probs': Softmax is not among what is fused", of the first node of which that is so, and how many more
/// nodes are not fused; "": all are.
[[nodiscard]] std::string first_reason(const Lowered& lowered);

/// "fused layers: 31 of 34 nodes in 2 parts, 2.68 of 3.10 ms; 3 nodes in 1 part left to ONNX Runtime: Softmax
/// 'probs': Softmax is not among what is fused (2 more)". `seconds`: of each part.
[[nodiscard]] std::string summary(const Lowered& lowered, std::span<const double> seconds);

}  // namespace millrace::infer::fused
