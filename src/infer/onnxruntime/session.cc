#include "infer/session.h"

#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <utility>

#include "core/affinity.h"
#include "core/clock.h"
#include "core/error.h"
#include "infer/fused/engines.h"
#include "infer/onnxruntime/cuda_session.h"
#include "infer/onnxruntime/model_file.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/onnxruntime/session_options.h"
#include "infer/onnxruntime/session_shapes.h"

namespace millrace::infer {
namespace {

using core::ErrorCode;
using core::TensorDesc;
using Clock = std::chrono::steady_clock;

/// On the CPU.
class HostSession final : public Session {
  public:
    HostSession(const ModelRequest& request, ModelDescription model, Size input);

    [[nodiscard]] const ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<TensorDesc>& input_descs() const override { return shapes_.inputs; }
    [[nodiscard]] const std::vector<TensorDesc>& output_descs() const override { return shapes_.outputs; }
    [[nodiscard]] device::StreamRef stream() const override { return device::host_stream(); }
    void run(device::StreamRef stream, const RunTensors& tensors) override;
    [[nodiscard]] SessionReport report() const override { return {{}, load_seconds_, first_run_seconds_, {}, {}}; }

  private:
    [[nodiscard]] Ort::Value bind(const device::Tensor& tensor) const;

    ModelDescription model_;
    std::vector<const char*> input_names_;   ///< of model_'s ports
    std::vector<const char*> output_names_;  ///< of model_'s ports
    ort::SessionShapes shapes_;
    Ort::MemoryInfo memory_{nullptr};
    Ort::Session session_{nullptr};
    double load_seconds_ = 0;
    std::atomic<bool> ran_ = false;
    std::atomic<double> first_run_seconds_ = 0;
};

HostSession::HostSession(const ModelRequest& request, ModelDescription model, Size input)
    : model_(std::move(model)),
      input_names_(ort::names_of(model_.inputs)),
      output_names_(ort::names_of(model_.outputs)) {
    const auto begin = Clock::now();
    Ort::Env& environment = ort::environment(request.runtime_library);
    const TensorDesc desc = ort::check_picture_input(model_, input);
    const int threads = request.threads > 0 ? request.threads : core::affine_cores();
    try {
        memory_ = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
        session_ = ort::open_session(environment, model_.path, ort::session_options(model_, desc, threads));
        shapes_ = ort::find_shapes(session_, model_, input);
    } catch (const Ort::Exception& failure) {
        ort::rethrow(failure, fmt::format("model {} does not run on {}", model_.path, core::to_string(desc)),
                     ErrorCode::bad_input);
    }
    load_seconds_ = core::seconds_since(begin);
}

Ort::Value HostSession::bind(const device::Tensor& tensor) const {
    assert(device::on_host(tensor.device));
    return Ort::Value::CreateTensor(memory_, tensor.data, tensor.desc.byte_count(), tensor.desc.shape.data(),
                                    tensor.desc.shape.size(), ort::element_type(tensor.desc.dtype));
}

void HostSession::run([[maybe_unused]] device::StreamRef stream, const RunTensors& tensors) {
    const auto& [inputs, outputs, frames] = tensors;
    assert(device::on_host(stream));
    assert(inputs.size() == shapes_.inputs.size() && outputs.size() == shapes_.outputs.size());
    const bool first = !ran_.exchange(true);
    const auto begin = Clock::now();
    try {
        std::vector<Ort::Value> in;
        std::vector<Ort::Value> out;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            assert(inputs[i].desc == shapes_.inputs[i]);
            in.push_back(bind(inputs[i]));
        }
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            assert(outputs[i].desc == shapes_.outputs[i]);
            out.push_back(bind(outputs[i]));
        }
        session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), in.data(), in.size(), output_names_.data(),
                     out.data(), out.size());
    } catch (const Ort::Exception& failure) {
        ort::rethrow(failure, fmt::format("model {} failed while running", model_.path), ErrorCode::failed);
    }
    if (first) first_run_seconds_ = core::seconds_since(begin);
}

}  // namespace

std::unique_ptr<Session> make_session(const ModelRequest& request, const ModelDescription& model, Size input) {
    if (request.device.kind == device::DeviceKind::cuda) {
        const bool fused = request.choice && request.choice->provider == Provider::fused;
        return fused ? fused::make_fused_session(request, model, input) : ort::make_cuda_session(request, model, input);
    }
    if (request.weights == Weights::fp16) {
        throw core::Error(
            ErrorCode::usage,
            fmt::format("model {}: float16 weights are for a GPU; the CPU computes in float32", model.path));
    }
    return std::make_unique<HostSession>(request, model, input);
}

}  // namespace millrace::infer
