#include "infer/onnxruntime/cuda_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "device/stream.h"
#include "infer/onnxruntime/cuda_model.h"
#include "infer/onnxruntime/cuda_provider.h"

namespace millrace::infer::ort {
namespace {

ModelDescription described(const PartSource& source) {
    ModelDescription model;
    model.path = source.path;
    model.inputs = source.inputs;
    model.outputs = source.outputs;
    model.output = OutputKind::data;
    return model;
}

std::vector<core::TensorDesc> descs_of(const std::vector<Port>& ports) {
    std::vector<core::TensorDesc> descs;
    descs.reserve(ports.size());
    for (const Port& port : ports) descs.push_back(port.desc);
    return descs;
}

/// Whether a node may read it on the CPU, as shapes, indices and scales are read: the runtime copies such inputs at
/// once, whatever the stream still has to do.
bool may_be_read_at_once(const core::TensorDesc& desc) {
    const bool real = desc.dtype == core::DType::float32 || desc.dtype == core::DType::float16;
    return !real || desc.shape.size() < 2;
}

class LoadedPart final : public CudaPart {
  public:
    LoadedPart(const PartSource& source, device::StreamRef stream)
        : model_(described(source)),
          inputs_(descs_of(source.inputs)),
          waits_(std::ranges::any_of(inputs_, may_be_read_at_once)),
          memory_(source.request.gpu_memory),
          stream_(stream),
          loaded_({source.request, model_, source.bytes, &inputs_}, {},
                  {.provider = Provider::cuda, .math = FloatMath::tf32}, stream) {}

    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override {
        return loaded_.shapes().outputs;
    }
    [[nodiscard]] const std::string& fallback() const override { return loaded_.fallback(); }

    void enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs) override {
        if (waits_) device::synchronize(stream_);
        try {
            loaded_.enqueue(inputs, outputs);
        } catch (const Ort::Exception& failure) {
            // What was enqueued of it must not outlive the leases, which are not marked.
            device::synchronize(stream_);
            refuse_cuda(failure,
                        fmt::format("model {} failed while a part of it ran on {}", model_.path,
                                    device::to_string(stream_.device)),
                        memory_, core::ErrorCode::failed);
        }
    }

  private:
    const ModelDescription model_;
    const std::vector<core::TensorDesc> inputs_;
    const bool waits_;
    const std::size_t memory_;
    device::StreamRef stream_;
    CudaModel loaded_;
};

}  // namespace

std::unique_ptr<CudaPart> make_cuda_part(const PartSource& source, device::StreamRef stream) {
    require_cuda_provider(source.request.runtime_library);
    return std::make_unique<LoadedPart>(source, stream);
}

}  // namespace millrace::infer::ort
