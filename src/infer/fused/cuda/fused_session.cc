#include <fmt/format.h>

#include <cassert>
#include <chrono>
#include <mutex>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "device/stream.h"
#include "infer/fused/cuda/parts_runner.h"
#include "infer/fused/engines.h"
#include "infer/fused/layer_table.h"
#include "infer/fused/layer_times.h"
#include "infer/fused/summary.h"
#include "infer/onnxruntime/session_shapes.h"
#include "infer/onnxruntime/trial.h"
#include "infer/run_access.h"
#include "infer/shapes.h"

namespace millrace::infer::fused {
namespace {

using core::Error;
using core::ErrorCode;
using core::TensorDesc;
using Clock = std::chrono::steady_clock;

Lowered lowered_model(const ModelRequest& request, const ModelDescription& model, Size input) {
    Lowered lowered = lower_model(model, input, request.runtime_library);
    if (!lowered.parts.empty()) return lowered;
    const std::string reason = first_reason(lowered);
    throw Error(ErrorCode::failed,
                fmt::format("model {} does not run as fused layers: {}", model.path,
                            reason.empty() ? "an output is none of what its nodes compute" : reason));
}

class FusedSession final : public Session {
  public:
    FusedSession(const ModelRequest& request, const ModelDescription& model, Size input, const BuildProgress& progress);
    ~FusedSession() override;
    FusedSession(const FusedSession&) = delete;
    FusedSession& operator=(const FusedSession&) = delete;
    FusedSession(FusedSession&&) = delete;
    FusedSession& operator=(FusedSession&&) = delete;

    [[nodiscard]] const ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<TensorDesc>& input_descs() const override { return shapes_.inputs; }
    [[nodiscard]] const std::vector<TensorDesc>& output_descs() const override { return shapes_.outputs; }
    [[nodiscard]] device::StreamRef stream() const override { return stream_.ref(); }
    void run(device::StreamRef stream, const RunTensors& tensors) override;
    [[nodiscard]] SessionReport report() const override { return report_; }

  private:
    void check_outputs(Size input) const;
    void warm_up(const Lowered& lowered, const ort::Trial& trial);

    const ModelDescription model_;
    device::Stream stream_;  ///< destroyed after what is tied to it
    SessionReport report_;   ///< fixed once made
    ort::SessionShapes shapes_;
    std::optional<cuda::PartsRunner> runner_;
    std::mutex mutex_;
};

FusedSession::FusedSession(const ModelRequest& request, const ModelDescription& model, Size input,
                           const BuildProgress& progress)
    : model_(model), stream_(request.device) {
    const auto begin = Clock::now();
    shapes_.inputs.push_back(ort::check_picture_input(model, input));
    Lowered lowered = lowered_model(request, model_, input);
    PlanStore plans(request.engine);
    const bool chosen = !plans.empty();
    runner_.emplace(cuda::PartsSource{request, model_, shapes_.inputs, progress}, lowered.parts, stream_, plans);
    shapes_.outputs = runner_->output_descs();
    check_outputs(input);
    report_.choice = {.provider = Provider::fused};
    report_.fallbacks = runner_->fallbacks();
    report_.borders = runner_->borders();
    // Another session of the process may have loaded what is for ONNX Runtime's parts only.
    report_.libraries =
        lowered.whole() != nullptr ? cuda_library_versions({CudaLibrary::cudnn}) : cuda_library_versions();
    const ort::Trial trial(stream_, shapes_);
    warm_up(lowered, trial);
    if (!chosen && !request.engine.empty()) {
        plans.save(request.engine);
        save_layer_times(runner_->time_layers(trial.inputs(), trial.outputs()), request.engine);
    }
    report_.load_seconds = core::seconds_since(begin) - report_.first_run_seconds;
}

FusedSession::~FusedSession() {
    try {
        device::synchronize(stream_);
    } catch (const Error& error) {
        core::log::debug("model {}: {}", model_.path, error.what());
    }
}

void FusedSession::check_outputs(Size input) const {
    const TensorDesc& result = shapes_.outputs[static_cast<std::size_t>(model_.result_output)];
    if (model_.output == OutputKind::picture) {
        (void)picture_scale(model_, input, result);
    } else {
        check_data(model_, result);
    }
}

/// A capture must find every kernel loaded.
void FusedSession::warm_up(const Lowered& lowered, const ort::Trial& trial) {
    const auto begin = Clock::now();
    runner_->enqueue(trial.inputs(), trial.outputs());
    device::synchronize(stream_);
    report_.first_run_seconds = core::seconds_since(begin);
    if (lowered.whole() != nullptr) return;
    report_.notes.push_back(summary(lowered, runner_->measure(trial.inputs(), trial.outputs())));
}

void FusedSession::run([[maybe_unused]] device::StreamRef stream, const RunTensors& tensors) {
    const auto& [inputs, outputs, frames] = tensors;
    assert(stream == stream_.ref());
    assert(inputs.size() == shapes_.inputs.size() && outputs.size() == shapes_.outputs.size());
    const std::scoped_lock lock(mutex_);
    RunAccess access(stream_, tensors);
    runner_->enqueue(inputs, outputs);
    access.done();
}

}  // namespace

std::unique_ptr<Session> make_fused_session(const ModelRequest& request, const ModelDescription& model, Size input,
                                            const BuildProgress& progress) {
    return std::make_unique<FusedSession>(request, model, input, progress);
}

}  // namespace millrace::infer::fused
