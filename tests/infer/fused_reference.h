#pragma once
// What a fused net computes, by plain loops in float64 and without rounding between layers.

#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// Elements of a value, [N, C, H, W] row-major.
using Elements = std::vector<double>;

struct Interpretation {
    std::vector<Elements> outputs;  ///< in the net's order
    double largest = 0;             ///< of all values on the way, so what float32 rounds by follows from it
};

/// `inputs`: one for each of the net's. Checks on the way, by gtest, that every layer
/// reads what is there, that sizes fit one another, and that every value is written once.
[[nodiscard]] Interpretation interpret(const Net& net, const std::vector<Elements>& inputs);

}  // namespace millrace::infer::fused
