#include "engine/model_sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <iterator>

#include "core/clock.h"
#include "core/error.h"
#include "engine/identity.h"
#include "engine/limits.h"

namespace millrace::engine {

namespace {

// Loads one try after another, each with half the batch of the one before.
class Loading {
  public:
    Loading(LoadedModel& loaded, const SessionPlace& place) : loaded_(loaded), place_(place) {}

    LoadNotes run() {
        take_up_earlier();
        while (!fits()) {
            loaded_.sessions.clear();  // what they hold is what the next try needs
            set_batch(loaded_.model.batch / 2);
        }
        const infer::SessionReport report = loaded_.sessions.front()->report();
        std::ranges::copy(report.fallbacks, std::back_inserter(said_.fallbacks));
        std::ranges::copy(report.notes, std::back_inserter(said_.notes));
        if (loaded_.model.batch != loaded_.asked_batch) {
            said_.fallbacks.push_back(fmt::format(
                "{}: a batch of {} does not fit the memory given on {}; it runs with {}", loaded_.model.path,
                loaded_.asked_batch, device::to_string(place_.devices.front()), loaded_.model.batch));
        }
        return std::move(said_);
    }

  private:
    [[nodiscard]] bool on_gpu() const { return place_.devices.front().kind == device::DeviceKind::cuda; }

    [[nodiscard]] bool can_halve() const {
        const auto port = static_cast<std::size_t>(loaded_.model.picture_input);
        const bool has_own_batch = loaded_.model.inputs.at(port).desc.shape.front() > 0;
        return on_gpu() && loaded_.model.batch > 1 && !has_own_batch;
    }

    void set_batch(int batch) {
        loaded_.request.batch = batch;
        loaded_.model = infer::describe_model(loaded_.request);
    }

    void take_up_earlier() {
        if (!on_gpu() || !place_.earlier) return;
        const pipeline::Identity& earlier = *place_.earlier;
        if (earlier.contains(choice_key)) take_up(infer::parse_runtime_choice(earlier.at(choice_key)));
        const auto text = earlier.find(batch_key);
        if (text == earlier.end()) return;
        if (const auto batch = smaller_batch(text->second, loaded_.asked_batch)) set_batch(*batch);
    }

    // With another --runtime it is another job, which its journal will say.
    void take_up(const infer::RuntimeChoice& choice) {
        const bool mine = loaded_.engines && loaded_.engines->provider() == choice.provider;
        if (mine || !infer::runs_engines(choice.provider)) loaded_.request.choice = choice;
    }

    // False: a smaller batch may.
    bool fits() {
        try {
            make_sessions();
            check_results();
            return true;
        } catch (const core::Error& error) {
            if (error.code() != core::ErrorCode::out_of_memory || !can_halve()) throw;
            return false;
        }
    }

    // The first decides how it runs; the others, which are of its kind, run the same way.
    void make_sessions() {
        infer::ModelRequest request = loaded_.request;
        request.device = place_.devices.front();
        CheckedSession first = place_.make_first(request, loaded_.model);
        said_ = {std::move(first.fallbacks), std::move(first.notes)};
        loaded_.sessions.push_back(std::move(first.session));
        loaded_.engine = std::move(first.engine);
        request.engine = loaded_.engine.folder;
        if (on_gpu()) request.choice = loaded_.sessions.front()->report().choice;
        std::vector<std::future<std::unique_ptr<infer::Session>>> others;
        for (std::size_t i = 1; i < place_.devices.size(); ++i) {
            request.device = place_.devices[i];
            others.push_back(std::async(std::launch::async, [this, request] {
                return infer::make_session(request, loaded_.model, place_.input);
            }));
        }
        for (auto& other : others) loaded_.sessions.push_back(other.get());
    }

    void check_results() const {
        if (!on_gpu()) return;
        std::size_t bytes = 0;
        for (const core::TensorDesc& desc : loaded_.sessions.front()->output_descs()) bytes += desc.byte_count();
        if (results_in_flight * bytes <= place_.gpu_memory.results) return;
        throw core::Error(
            core::ErrorCode::out_of_memory,
            fmt::format("{}: results of {} MiB, {} at once, do not fit the {} MiB that are for results of the {} MiB "
                        "given on {}; give it more with --gpu-memory, or make the tiles smaller",
                        loaded_.model.path, bytes / mib, results_in_flight, place_.gpu_memory.results / mib,
                        place_.gpu_memory.total / mib, device::to_string(place_.devices.front())));
    }

    LoadedModel& loaded_;
    const SessionPlace& place_;
    LoadNotes said_;  ///< of the last try
};

// Where they cannot be, the model runs on ONNX Runtime.
void try_fused(LoadedModel& loaded, const ModelOptions& options) {
    if (options.engine_cache.empty()) {
        loaded.no_engines =
            "no fused layers: HOME is not set; say with --engine-cache where their plans are to be kept";
        return;
    }
    try {
        loaded.engines = infer::load_fused(options.runtime_library);
    } catch (const core::Error& error) {
        loaded.no_engines = fmt::format("no fused layers: {}", error.what());
    }
}

}  // namespace

bool may_fuse(const ModelOptions& options) {
    const bool half = options.precision == Precision::automatic || options.precision == Precision::fp16;
    return half && options.runtime == ModelRuntime::automatic;
}

std::unique_ptr<LoadedModel> load_model(const ModelOptions& options, device::DeviceId device) {
    const auto begin = std::chrono::steady_clock::now();
    auto loaded = std::make_unique<LoadedModel>();
    loaded->request = {options.path, options.settings, options.batch, options.runtime_library,
                       options.threads.value_or(0)};
    loaded->runtime = infer::load_runtime(options.runtime_library);
    if (options.runtime == ModelRuntime::tensorrt) loaded->engines = infer::load_tensorrt(options.runtime_library);
    if (options.runtime == ModelRuntime::fused) loaded->engines = infer::load_fused(options.runtime_library);
    if (device.kind == device::DeviceKind::cuda && may_fuse(options)) try_fused(*loaded, options);
    loaded->model = infer::describe_model(loaded->request);
    loaded->asked_batch = loaded->model.batch;
    loaded->load_seconds = core::seconds_since(begin);
    return loaded;
}

std::string runtime_text(const LoadedModel& loaded) {
    if (loaded.engine.status != infer::EngineStatus::ready) return loaded.runtime.version;
    return fmt::format("{}, {}", loaded.runtime.version, loaded.engines->version());
}

LoadNotes load_sessions(LoadedModel& loaded, const SessionPlace& place) {
    const auto begin = std::chrono::steady_clock::now();
    loaded.request.gpu_memory = place.gpu_memory.model;
    LoadNotes said = Loading(loaded, place).run();
    loaded.load_seconds += core::seconds_since(begin);
    return said;
}

}  // namespace millrace::engine
