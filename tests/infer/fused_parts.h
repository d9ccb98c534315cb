#pragma once
// The parts of a model one after the other on the CPU: fused ones interpreted, the others by ONNX Runtime.

#include <string>
#include <vector>

#include "infer/fused_models.h"

namespace millrace::infer::fused {

/// Some integers or floats with their shape.
struct Held {
    graph::TensorType type;
    std::vector<double> elements;
};
using HeldByName = std::map<std::string, Held>;

/// What ONNX Runtime makes of a model, an ONNX file's bytes: its outputs by name. Inputs that the model does not have
/// are left out.
[[nodiscard]] HeldByName run_on_cpu(const std::string& model, const HeldByName& inputs);

/// What the parts of `lowered` make of it. Checks by gtest that each part finds its inputs, of the type that it says,
/// that nothing is given twice, and that every node stands in one part at most.
[[nodiscard]] HeldByName run_parts(const Lowered& lowered, const HeldByName& inputs);

/// The largest difference between the two for a random input of `shape`, relative to the largest value of the outputs
/// or 1, whichever is more. Parts are cut as lower() does with `least_work`; infinite: an output is missing; 0 where
/// nothing is fused.
[[nodiscard]] double error_of_parts(const std::string& model, const Shape& shape, double least_work = 0);

/// lower() for an input of that shape.
[[nodiscard]] Lowered cut_for(const std::string& model, const Shape& input, double least_work = 0);

/// "Conv0 Relu1 | Softmax2 | Conv3": the nodes of each part.
[[nodiscard]] std::string parts_of(const Lowered& lowered);

}  // namespace millrace::infer::fused
