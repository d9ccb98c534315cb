#pragma once
// A model in a GPU's memory, run in one of the possible ways.

#include <onnxruntime_cxx_api.h>

#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/tensor.h"
#include "infer/model.h"
#include "infer/onnxruntime/placement.h"
#include "infer/onnxruntime/session_shapes.h"
#include "infer/runtime_choice.h"

namespace millrace::infer::ort {

/// What is loaded. Everything outlives the CudaModel.
struct ModelSource {
    const ModelRequest& request;
    const ModelDescription& model;
    const std::string& bytes;  ///< the ONNX model; "": the file
    /// Shapes of all inputs; null: they follow from a picture's size.
    const std::vector<core::TensorDesc>* inputs = nullptr;
};

/// Loaded for one stream, on which the caller has nothing else of this object enqueued when it is destroyed. Not
/// thread-safe.
class CudaModel {
  public:
    /// `choice.launch` and `choice.weights` are the caller's part. With TensorRT this builds the engine where
    /// source.request.engine has none. `input` means nothing where the source has shapes. What `stream` borrows
    /// outlives this. Throws Error as make_session() does.
    CudaModel(const ModelSource& source, Size input, const RuntimeChoice& choice, device::StreamRef stream);

    [[nodiscard]] const SessionShapes& shapes() const { return shapes_; }
    /// A sentence about the nodes that run on the CPU; "": all run on the GPU.
    [[nodiscard]] const std::string& fallback() const { return fallback_; }
    /// A sentence about the nodes that TensorRT was to run, and CUDA does; "": none.
    [[nodiscard]] const std::string& left_to_cuda() const { return left_to_cuda_; }

    /// Enqueue one run. Tensors are in the order of the model's ports. With nodes on the CPU it waits for the stream.
    /// Throws Ort::Exception.
    void enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs);

  private:
    [[nodiscard]] Ort::SessionOptions options(const ModelSource& source, const RuntimeChoice& choice, Size input) const;
    void load(const ModelSource& source, const RuntimeChoice& choice, Size input);
    void note_left_to_cuda(const RuntimeChoice& choice);
    [[nodiscard]] Ort::Value bind(const device::Tensor& tensor) const;

    const ModelDescription& model_;
    device::StreamRef stream_;
    std::vector<const char*> input_names_;
    std::vector<const char*> output_names_;
    Ort::MemoryInfo memory_{nullptr};
    Placement placement_;
    std::string fallback_;
    std::string left_to_cuda_;
    Ort::RunOptions run_options_;
    Ort::Session session_{nullptr};
    SessionShapes shapes_;
};

}  // namespace millrace::infer::ort
