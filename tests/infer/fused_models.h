#pragma once
// Models for the tests of infer/fused, and ONNX Runtime beside them.

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "infer/fused/lower.h"
#include "infer/fused_reference.h"
#include "infer/model.h"

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace millrace::infer::fused {

using Shape = std::vector<std::int64_t>;

/// An ONNX model in the making, with one input, "input", and as many outputs as wanted. Weights come from a seed.
class ModelMaker {
  public:
    /// `input`: as the model declares it, -1 dynamic.
    explicit ModelMaker(const Shape& input, int operator_set = 17);
    ~ModelMaker();
    ModelMaker(const ModelMaker&) = delete;
    ModelMaker& operator=(const ModelMaker&) = delete;

    /// Adds a node and returns its output's name. `attributes`: "strides=2,2 mode=CRD alpha=0.5 axis=1"; a number with
    /// a point is a float, numbers with commas are integers.
    std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::string& attributes = "");
    std::string constant(const Shape& shape, const std::vector<float>& values);
    std::string integers(const std::vector<std::int64_t>& values);
    std::string scalar_integer(std::int64_t value);
    /// Values of about `spread`.
    std::string weights(const Shape& shape, double spread = 0.5);
    /// Values between the two.
    std::string weights_between(const Shape& shape, double low, double high);
    /// A convolution with weights that keep its input's spread.
    std::string conv(const std::string& input, int in, int out, int kernel, const std::string& attributes = "");
    void output(const std::string& name, int rank = 4);
    /// One more output of the last node; its name.
    std::string another_output();
    [[nodiscard]] std::string bytes() const;

  private:
    std::unique_ptr<onnx::ModelProto> model_;
    std::mt19937 random_{7};
    int names_ = 0;
};

/// TypeInference by ONNX Runtime.
[[nodiscard]] std::vector<graph::TensorType> infer_types(const std::string& model);

/// lower() for an input of that shape.
[[nodiscard]] Lowered lower_for(const std::string& model, const Shape& input);

// What two programs have each in their own way: infer_tests interprets nets, gpu_tests runs them on a GPU.

/// The net that the model of `request` was lowered to, on one input.
[[nodiscard]] Interpretation run_fused(const Net& net, const ModelRequest& request, const Elements& input);
/// The most that error_of_fused() may give.
[[nodiscard]] double close_enough();
/// Path of libonnxruntime.
[[nodiscard]] std::string runtime_library();

/// Whatever channels the input has.
[[nodiscard]] ModelRequest fused_request(const std::string& path, const Shape& shape);

/// What lower() makes, by run_fused(), against ONNX Runtime on the same random input of `shape`: the largest error of
/// any output, relative to the largest value on the way. The model must lower, which gtest checks; infinite: it did
/// not.
[[nodiscard]] double error_of_fused(const std::string& model, const Shape& shape);

/// The reason of the only node that has one; "" where none has, and all joined by "; " where several have. Of nodes
/// that could be fused none counts.
[[nodiscard]] std::string reason_of(const std::string& model, const Shape& input);

}  // namespace millrace::infer::fused
