#pragma once
// A piece of a model that the runtime runs on a GPU, between pieces that others run.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor_desc.h"
#include "device/device.h"
#include "device/tensor.h"
#include "infer/model.h"

namespace millrace::infer::ort {

/// A model of its own. Borrowed.
struct PartSource {
    const ModelRequest& request;  ///< its choice, its weights and its engine are not read
    const std::string& path;      ///< of the whole, for messages
    const std::string& bytes;     ///< an ONNX file's
    std::vector<Port> inputs;     ///< fully known
    std::vector<Port> outputs;    ///< names count
};

/// Loaded for one stream. For one thread at a time.
class CudaPart {
  public:
    virtual ~CudaPart() = default;
    [[nodiscard]] virtual const std::vector<core::TensorDesc>& output_descs() const = 0;
    /// A sentence about the nodes that run on the CPU; "": all run on the GPU.
    [[nodiscard]] virtual const std::string& fallback() const = 0;
    /// Enqueue one run. Tensors are in the order of the ports. Throws Error(failed | out_of_memory), with nothing of
    /// it left enqueued.
    virtual void enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs) = 0;
};

/// float32 is multiplied as tf32, kernel by kernel, in NCHW: nothing is measured, so that the same part is always run
/// alike. What `stream` borrows outlives the part. Throws Error as make_session() does.
[[nodiscard]] std::unique_ptr<CudaPart> make_cuda_part(const PartSource& source, device::StreamRef stream);

}  // namespace millrace::infer::ort
