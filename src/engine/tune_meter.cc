#include "engine/tune_meter.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"
#include "engine/limits.h"
#include "engine/rate.h"
#include "infer/tiles.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

constexpr int repeats = 3;
constexpr double shortest_window = 0.4;  // seconds of one of them, where a run is not longer

std::size_t bytes_of(const std::vector<core::TensorDesc>& descs) {
    std::size_t bytes = 0;
    for (const core::TensorDesc& desc : descs) bytes += desc.byte_count();
    return bytes;
}

}  // namespace

double TimeLeft::spent() const { return core::seconds_since(begin_); }

ModelMeter::ModelMeter(const Job& job, const std::stop_token& stop, const Building& building, double seconds)
    : stop_(stop), seconds_(seconds), prepared_(prepare_job(job, stop, building)) {
    choice_ = prepared_.model->sessions.front()->report().choice;
    load_seconds_ = prepared_.model->load_seconds;
    const pipeline::ModelPlan& plan = *prepared_.job.model;
    if (plan.model.tile) {
        entries_a_frame_ = static_cast<int>(infer::plan_tiles(plan.model, plan.frame).tiles.size());
    }
    // TensorRT's engine is of one batch, and stays; memory of another session is what the next one needs.
    if (choice_.provider != infer::Provider::tensorrt) prepared_.model->sessions.clear();
}

TunedSettings ModelMeter::initial() const {
    TunedSettings settings;
    settings.batch = plan().model.batch;
    if (!on_gpu()) {
        settings.workers = plan().workers;
        settings.threads = prepared_.model->request.threads;
    }
    settings.tensorrt = choice_.provider == infer::Provider::tensorrt;
    return settings;
}

std::unique_ptr<infer::Session> ModelMeter::make_session(const TunedSettings& settings) const {
    infer::ModelRequest request = prepared_.model->request;
    if (batch_is_open(plan().model) || request.batch) request.batch = settings.batch;
    if (settings.threads > 0) request.threads = settings.threads;
    if (on_gpu()) {
        request.device = prepared_.devices.front();
        request.choice = choice_;
        // Fused layers of another batch choose plans of their own, which nobody keeps.
        if (settings.batch == plan().model.batch) request.engine = prepared_.model->engine.folder.string();
    }
    return infer::make_session(request, infer::describe_model(request), plan().input);
}

std::string ModelMeter::too_much(const infer::Session& session, int workers) const {
    const std::size_t in = bytes_of(session.input_descs());
    const std::size_t out = bytes_of(session.output_descs());
    const auto side_by_side = static_cast<std::size_t>(workers);
    const std::size_t needed = on_gpu() ? results_in_flight * out : (side_by_side + 2) * in + (side_by_side + 1) * out;
    const std::size_t given = on_gpu() ? prepared_.gpu_memory.results : prepared_.job.limits.memory;
    if (needed <= given) return "";
    return fmt::format("its tensors take {} MiB of the {} MiB that {} allows", needed / mib, given / mib,
                       on_gpu() ? "--gpu-memory" : "--memory");
}

Metered ModelMeter::measure(const TunedSettings& settings) {
    const int workers = std::max(1, settings.workers);
    try {
        const auto begin = std::chrono::steady_clock::now();
        std::unique_ptr<infer::Session> made;
        if (prepared_.model->sessions.empty()) made = make_session(settings);
        infer::Session& session = made ? *made : *prepared_.model->sessions.front();
        // What a run has without tuning is not for tuning to refuse.
        if (settings.batch > plan().model.batch) {
            if (std::string why = too_much(session, workers); !why.empty()) return {std::nullopt, std::move(why)};
        }
        ResidentRuns runs(session, workers);
        const auto window = window_for(runs.rate(warm_up, stop_) / entries_a_frame_);
        load_seconds_ = core::seconds_since(begin);
        const std::int64_t before = runs.entries();
        TunePoint point;
        point.settings = settings;
        point.settings.batch = session.model().batch;  // memory may have had room for less
        for (int i = 0; i < repeats; ++i) point.rates.push_back(runs.rate(window, stop_) / entries_a_frame_);
        point.frames = (runs.entries() - before) / entries_a_frame_;
        point.run_seconds = workers * session.model().batch / (point.fps() * entries_a_frame_);
        return {std::move(point), ""};
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::out_of_memory) throw;
        return {std::nullopt, error.what()};
    }
}

std::chrono::duration<double> ModelMeter::window_for(double fps) const {
    constexpr double frames = static_cast<double>(enough_frames) / repeats;
    const double longest = std::max(shortest_window, seconds_ / repeats);
    return std::chrono::duration<double>(fps > 0 ? std::clamp(frames / fps, shortest_window, longest) : longest);
}

double ModelMeter::expected_seconds(const TunePoint& last, const TunedSettings& next) const {
    const auto entries = [](const TunedSettings& of) { return std::max(1, of.batch) * std::max(1, of.workers); };
    const double run = last.run_seconds * entries(next) / entries(last.settings);
    return load_seconds_ + repeats * std::max(window_for(last.fps()).count(), run);
}

}  // namespace millrace::engine
