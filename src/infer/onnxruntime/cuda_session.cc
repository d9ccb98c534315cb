#include "infer/onnxruntime/cuda_session.h"

#include <fmt/format.h>

#include <cassert>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "device/graph.h"
#include "device/stream.h"
#include "infer/graph/half.h"
#include "infer/onnxruntime/cuda_model.h"
#include "infer/onnxruntime/cuda_provider.h"
#include "infer/onnxruntime/tensorrt_provider.h"
#include "infer/onnxruntime/trial.h"
#include "infer/replays.h"
#include "infer/run_access.h"

namespace millrace::infer::ort {
namespace {

using core::Error;
using core::ErrorCode;
using core::TensorDesc;
using Clock = std::chrono::steady_clock;
using Tensors = std::span<const device::Tensor>;

/// What a way of running must gain to be preferred to a plainer one.
constexpr double worthwhile = 0.97;

class CudaSession final : public Session {
  public:
    CudaSession(const ModelRequest& request, const ModelDescription& model, Size input);
    ~CudaSession() override;
    CudaSession(const CudaSession&) = delete;
    CudaSession& operator=(const CudaSession&) = delete;
    CudaSession(CudaSession&&) = delete;
    CudaSession& operator=(CudaSession&&) = delete;

    [[nodiscard]] const ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<TensorDesc>& input_descs() const override { return loaded_->shapes().inputs; }
    [[nodiscard]] const std::vector<TensorDesc>& output_descs() const override { return loaded_->shapes().outputs; }
    [[nodiscard]] device::StreamRef stream() const override { return stream_.ref(); }
    void run(device::StreamRef stream, const RunTensors& tensors) override;
    [[nodiscard]] SessionReport report() const override { return report_; }

  private:
    void choose_weights();
    void repeat_choice();
    void measure_layouts();
    void measure_graph();
    /// Load the model in the way of report_.choice and run it once.
    void load();
    double load_and_measure(ConvLayout layout);
    [[nodiscard]] bool graph_is_exact(Trial& trial, const device::Graph& graph);

    /// In the way of report_.choice.
    void enqueue(Tensors inputs, Tensors outputs);
    /// Throws Error(failed), with nothing left enqueued.
    void run_kernels(Tensors inputs, Tensors outputs);
    [[nodiscard]] device::Graph capture(Tensors inputs, Tensors outputs);
    [[nodiscard]] std::string doing(const char* what) const {
        return fmt::format("model {} {} on {}", model_.path, what, device::to_string(stream_.ref().device));
    }

    const ModelRequest request_;
    const ModelDescription model_;
    const Size input_;
    device::Stream stream_;  ///< destroyed after what is tied to it
    SessionReport report_;   ///< fixed once made
    std::string converted_;  ///< the model with float16 weights, while it is loaded; else ""
    std::unique_ptr<CudaModel> loaded_;

    std::mutex mutex_;  ///< a second thread waits rather than breaks the runtime
    Replays replays_;
    bool captured_ = false;  ///< since kernels ran last
};

CudaSession::CudaSession(const ModelRequest& request, const ModelDescription& model, Size input)
    : request_(request), model_(model), input_(input), stream_(request.device), replays_(stream_) {
    const auto begin = Clock::now();
    report_.choice.provider = Provider::cuda;
    choose_weights();
    // The runtime takes the tensor cores from float16 convolutions too where float32 is to be full.
    const bool half = model.dtype == core::DType::float16 || report_.choice.weights == Weights::fp16;
    report_.choice.math = half ? FloatMath::tf32 : request.float_math;
    if (request.choice) {
        repeat_choice();
    } else {
        measure_layouts();
        measure_graph();
    }
    converted_ = {};
    for (const std::string& fallback : {loaded_->fallback(), loaded_->left_to_cuda()}) {
        if (!fallback.empty()) report_.fallbacks.push_back(fallback);
    }
    report_.libraries = cuda_library_versions();
    report_.load_seconds = core::seconds_since(begin) - report_.first_run_seconds;
}

CudaSession::~CudaSession() {
    try {
        device::synchronize(stream_);
    } catch (const Error& error) {
        core::log::debug("{}: {}", doing("ended"), error.what());
    }
}

void CudaSession::choose_weights() {
    const Weights asked = request_.choice ? request_.choice->weights : request_.weights;
    if (asked == Weights::as_is) return;
    graph::HalfModel half = graph::file_to_half(model_.path);
    report_.notes = std::move(half.notes);
    if (half.half_nodes == 0) {
        report_.notes.push_back(fmt::format(
            "model {} has nothing to make float16: no convolution or matrix product in float32", model_.path));
        return;
    }
    core::log::debug("{}: {} of {} nodes compute in float16", doing("loads"), half.half_nodes, half.all_nodes);
    report_.choice.weights = Weights::fp16;
    converted_ = std::move(half.bytes);
}

void CudaSession::repeat_choice() {
    if (request_.choice->provider == Provider::cpu) {
        throw Error(ErrorCode::usage, fmt::format("{}: it is to be repeated as '{}', which is another device",
                                                  doing("cannot run"), to_string(*request_.choice)));
    }
    const Weights weights = report_.choice.weights;
    report_.choice = *request_.choice;
    report_.choice.weights = weights;
    load();
}

void CudaSession::load() {
    loaded_.reset();
    const ModelSource source{request_, model_, converted_};
    loaded_ = std::make_unique<CudaModel>(source, input_, report_.choice, stream_.ref());
    Trial trial(stream_, loaded_->shapes());
    const auto begin = Clock::now();
    run_kernels(trial.inputs(), trial.outputs());
    device::synchronize(stream_);
    report_.first_run_seconds = core::seconds_since(begin);
    // From the second run on the runtime takes all memory in one piece, as the first one's pattern says. A capture must
    // find it taken.
    run_kernels(trial.inputs(), trial.outputs());
    device::synchronize(stream_);
}

double CudaSession::load_and_measure(ConvLayout layout) {
    report_.choice.layout = layout;
    load();
    Trial trial(stream_, loaded_->shapes());
    return trial.seconds_a_run([&] { run_kernels(trial.inputs(), trial.outputs()); });
}

/// One after the other, as the budget is for one.
void CudaSession::measure_layouts() {
    std::optional<double> plain;
    try {
        plain = load_and_measure(ConvLayout::nchw);
    } catch (const Error& error) {
        core::log::debug("{}: {}", doing("measured as nchw"), error.what());
    }
    std::optional<double> last;
    try {
        last = load_and_measure(ConvLayout::nhwc);
    } catch (const Error& error) {
        if (!plain) throw;
        core::log::debug("{}: {}", doing("measured as nhwc"), error.what());
    }
    core::log::debug("{}: {:.6f} s a run as nchw, {:.6f} as nhwc", doing("measured"), plain.value_or(0),
                     last.value_or(0));
    if (!plain || (last && *last < *plain)) return;
    report_.choice.layout = ConvLayout::nchw;
    load();
}

/// A graph is for models whose kernels are so short that starting them takes longer.
void CudaSession::measure_graph() {
    if (!loaded_->fallback().empty()) return;
    Trial trial(stream_, loaded_->shapes());
    const device::Graph graph = capture(trial.inputs(), trial.outputs());
    const bool usable = graph && graph_is_exact(trial, graph);
    if (!usable) {
        replays_.give_up();
        return;
    }
    const double kernels = trial.seconds_a_run([&] { run_kernels(trial.inputs(), trial.outputs()); });
    const double replayed = trial.seconds_a_run([&] { graph.launch(stream_); });
    core::log::debug("{}: {:.6f} s a run by kernels, {:.6f} as a graph", doing("measured"), kernels, replayed);
    if (replayed < worthwhile * kernels) report_.choice.launch = Launch::graph;
}

/// With other values than those of the capture: what the host worked out then must not be part of the result.
bool CudaSession::graph_is_exact(Trial& trial, const device::Graph& graph) {
    trial.fill();
    graph.launch(stream_);
    const std::vector<std::byte> replayed = trial.read();
    run_kernels(trial.inputs(), trial.outputs());
    if (replayed == trial.read()) return true;
    core::log::debug("{}: as a graph its result is another", doing("measured"));
    return false;
}

/// Empty where the model's runs cannot be kept.
device::Graph CudaSession::capture(Tensors inputs, Tensors outputs) {
    std::string reason;
    device::Graph graph;
    captured_ = true;
    try {
        graph = device::Graph::capture(stream_, [&] { loaded_->enqueue(inputs, outputs); }, reason);
    } catch (const Ort::Exception& failure) {
        reason = failure.what();
    }
    if (!graph) core::log::debug("{}: {}", doing("makes no graph"), reason);
    return graph;
}

void CudaSession::enqueue(Tensors inputs, Tensors outputs) {
    const bool as_graph = report_.choice.launch == Launch::graph;
    if (as_graph && replays_.launch(inputs, outputs, [&] { return capture(inputs, outputs); })) return;
    run_kernels(inputs, outputs);
}

/// The runtime has a CUDA library of its own, which keeps a thread's last error until it is asked. What a capture did
/// not allow, the next run reports as its own failure, once.
void CudaSession::run_kernels(Tensors inputs, Tensors outputs) {
    const bool captured = std::exchange(captured_, false);
    try {
        loaded_->enqueue(inputs, outputs);
        replays_.ran();
    } catch (const Ort::Exception& failure) {
        // What was enqueued of it must not outlive the leases, which are not marked.
        device::synchronize(stream_);
        if (captured) {
            core::log::debug("{}: {}", doing("runs again after a capture"), failure.what());
            return run_kernels(inputs, outputs);
        }
        refuse_cuda(failure, doing("failed while running"), request_.gpu_memory, ErrorCode::failed);
    }
}

void CudaSession::run([[maybe_unused]] device::StreamRef stream, const RunTensors& tensors) {
    const auto& [inputs, outputs, frames] = tensors;
    assert(stream == stream_.ref());
    assert(inputs.size() == input_descs().size() && outputs.size() == output_descs().size());
    const std::scoped_lock lock(mutex_);
    RunAccess access(stream_, tensors);
    enqueue(inputs, outputs);
    access.done();
}

}  // namespace

std::unique_ptr<Session> make_cuda_session(const ModelRequest& request, const ModelDescription& model, Size input) {
    require_cuda_provider(request.runtime_library);
    if (request.choice && request.choice->provider == Provider::tensorrt) {
        (void)require_tensorrt(request.runtime_library);
        assert(!request.engine.empty());
    }
    return std::make_unique<CudaSession>(request, model, input);
}

}  // namespace millrace::infer::ort
