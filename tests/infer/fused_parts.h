#pragma once
// The parts of a model one after the other on the CPU: fused ones interpreted, the others by ONNX Runtime.

#include <map>
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

struct PartsResult {
    HeldByName values;   ///< inputs, outputs, and what passes between parts
    double largest = 0;  ///< of all values on the way
};

/// What the parts of `lowered` make of it. Checks by gtest that each part finds its inputs, of the type that it says,
/// that nothing is given twice, and that every node stands in one part at most.
[[nodiscard]] PartsResult run_parts(const Lowered& lowered, const HeldByName& inputs);

/// The same results in the way of the program, as run_fused() (fused_models.h): infer_tests takes run_parts(),
/// gpu_tests a GPU, which takes the bodies of the parts. `request`: of the model's file.
[[nodiscard]] HeldByName run_lowered(Lowered& lowered, const ModelRequest& request, const HeldByName& inputs);

/// The largest difference between the two for a random input of `shape`, relative to the largest value on the way.
/// Parts are cut as lower() does with `least_work`; infinite: an output is missing; 0 where nothing is fused.
[[nodiscard]] double error_of_parts(const std::string& model, const Shape& shape, double least_work = 0);

/// lower() for an input of that shape.
[[nodiscard]] Lowered cut_for(const std::string& model, const Shape& input, double least_work = 0);

/// "Conv0 Relu1 | Softmax2 | Conv3": the nodes of each part.
[[nodiscard]] std::string parts_of(const Lowered& lowered);

}  // namespace millrace::infer::fused
