#include <fmt/format.h>

#include <cassert>
#include <chrono>
#include <deque>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "device/stream.h"
#include "infer/fused/cuda/net_runner.h"
#include "infer/fused/engines.h"
#include "infer/fused/lower.h"
#include "infer/onnxruntime/trial.h"
#include "infer/replays.h"
#include "infer/shapes.h"

namespace millrace::infer::fused {
namespace {

using core::Error;
using core::ErrorCode;
using core::TensorDesc;
using Clock = std::chrono::steady_clock;
using Tensors = std::span<const device::Tensor>;

std::vector<char> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file.good() && !file.eof()) throw Error(ErrorCode::bad_input, fmt::format("model {}: cannot be read", path));
    return bytes;
}

/// "Softmax 'probs': Softmax is not among what is fused", of the first node that cannot be, and how many more there
/// are.
std::string first_reason(const Lowered& lowered) {
    std::string text;
    int more = -1;
    for (const NodeFate& node : lowered.nodes) {
        if (node.reason.empty()) continue;
        if (++more == 0) text = fmt::format("{} '{}': {}", node.op, node.name, node.reason);
    }
    return more > 0 ? fmt::format("{} ({} more)", text, more) : text;
}

Net lowered_net(const ModelDescription& model, const TensorDesc& input) {
    const auto cannot = [&](const std::string& why) {
        return Error(ErrorCode::failed, fmt::format("model {} does not run as fused layers: {}", model.path, why));
    };
    if (model.inputs.size() != 1 || model.outputs.size() != 1) throw cannot("it has several inputs or outputs");
    if (model.layout != Layout::nchw || model.window_axis) throw cannot("its input is no [N, C, H, W]");
    const std::vector<char> bytes = read_file(model.path);
    Lowered lowered = lower(std::as_bytes(std::span(bytes)), model.path, {{model.inputs.front().name, input.shape}});
    if (lowered.whole() == nullptr) throw cannot(first_reason(lowered));
    return std::get<Net>(std::move(lowered.parts.front().body));
}

TensorDesc output_desc(const Net& net, const Port& port) {
    const Value& value = net.values[static_cast<std::size_t>(net.outputs.front().value)];
    TensorDesc desc{port.desc.dtype, {net.batch, value.channels, value.height, value.width}};
    while (desc.shape.size() > port.desc.shape.size() && desc.shape.back() == 1) desc.shape.pop_back();
    return desc;
}

class FusedSession final : public Session {
  public:
    FusedSession(const ModelRequest& request, const ModelDescription& model, Size input);
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
    void warm_up();
    void enqueue(Tensors inputs, Tensors outputs);

    const ModelDescription model_;
    device::Stream stream_;  ///< destroyed after what is tied to it
    SessionReport report_;   ///< fixed once made
    ort::SessionShapes shapes_;
    std::optional<cuda::NetRunner> runner_;
    std::mutex mutex_;
    Replays replays_;
};

FusedSession::FusedSession(const ModelRequest& request, const ModelDescription& model, Size input)
    : model_(model), stream_(request.device), replays_(stream_) {
    const auto begin = Clock::now();
    shapes_.inputs.push_back(picture_input_desc(model, input));
    Net net = lowered_net(model, shapes_.inputs.front());
    shapes_.outputs.push_back(output_desc(net, model.outputs.front()));
    check_outputs(input);
    PlanStore plans(request.engine);
    const bool chosen = !plans.empty();
    runner_.emplace(std::move(net), stream_, plans, request.gpu_memory);
    if (!chosen && !request.engine.empty()) plans.save(request.engine);
    report_.choice = {.provider = Provider::fused};
    warm_up();
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
    if (model_.output == OutputKind::picture) {
        (void)picture_scale(model_, input, shapes_.outputs.front());
    } else {
        check_data(model_, shapes_.outputs.front());
    }
}

/// A capture must find every kernel loaded.
void FusedSession::warm_up() {
    const ort::Trial trial(stream_, shapes_);
    const auto begin = Clock::now();
    runner_->enqueue(trial.inputs().front(), trial.outputs().front());
    device::synchronize(stream_);
    report_.first_run_seconds = core::seconds_since(begin);
}

void FusedSession::enqueue(Tensors inputs, Tensors outputs) {
    const auto run = [&] { runner_->enqueue(inputs.front(), outputs.front()); };
    const auto capture = [&] {
        std::string reason;
        device::Graph graph;
        try {
            graph = device::Graph::capture(stream_, run, reason);
        } catch (const Error& error) {
            reason = error.what();
        }
        if (!graph) core::log::debug("model {} makes no graph of its fused layers: {}", model_.path, reason);
        return graph;
    };
    if (replays_.launch(inputs, outputs, capture)) return;
    run();
    replays_.ran();
}

void FusedSession::run([[maybe_unused]] device::StreamRef stream, const RunTensors& tensors) {
    const auto& [inputs, outputs, frames] = tensors;
    assert(stream == stream_.ref());
    assert(inputs.size() == 1 && outputs.size() == 1);
    const std::scoped_lock lock(mutex_);
    device::Access access(stream_, inputs.front().timeline, outputs.front().timeline);
    enqueue(inputs, outputs);
    access.done();
}

}  // namespace

std::unique_ptr<Session> make_fused_session(const ModelRequest& request, const ModelDescription& model, Size input) {
    return std::make_unique<FusedSession>(request, model, input);
}

}  // namespace millrace::infer::fused
