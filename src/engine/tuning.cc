#include "engine/tuning.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/identity.h"
#include "engine/machine.h"
#include "engine/model_settings.h"
#include "engine/output_checks.h"
#include "engine/version.h"

namespace millrace::engine {

namespace {

using nlohmann::json;

std::string text_of(infer::Size size) { return fmt::format("{}x{}", size.width, size.height); }

std::string date_of(double at) { return fmt::format("{:%Y-%m-%d}", fmt::localtime(static_cast<std::time_t>(at))); }

// Where TensorRT is gone the rest still holds.
void load_engines(LoadedModel& loaded, const Job& job, TakenUp& taken) {
    try {
        loaded.engines = infer::load_tensorrt(job.model.runtime_library);
    } catch (const core::Error& error) {
        taken.settings.tensorrt = false;
        taken.notes.push_back(fmt::format("tuned to TensorRT, which is not there any more: {}", error.what()));
    }
}

// A batch that another run began with, or that was found for it.
void set_batch(LoadedModel& loaded, int batch) {
    loaded.request.batch = batch;
    loaded.model = infer::describe_model(loaded.request);
    loaded.asked_batch = loaded.model.batch;
}

struct Chosen {
    TunedSettings settings;
    std::string from;  ///< for the note
};

// Lanes were found for one encoder; others are left to the run.
TunedSettings without_strange_lanes(const StoredTuning& tuning, const std::string& encoder) {
    TunedSettings settings = tuning.settings;
    if (tuning.encoder != encoder) settings.lanes = 0;
    return settings;
}

// What the store has fits what the run before took, or it is not of the same tuning.
Chosen continued(const std::string& text, const std::optional<TunedSettings>& stored) {
    const auto settings = settings_from_json(json::parse(text, nullptr, false));
    if (!settings) return {};
    if (stored && that_change_bits(*stored) == *settings) return {*stored, "as the run that this one continues"};
    return {*settings, "as the run that this one continues"};
}

}  // namespace

TuneKey tune_key(const LoadedModel& loaded, const TunePlace& place) {
    json settings = settings_to_json(loaded.model);
    settings.erase("batch");
    TuneKey key;
    key.place["model"] = loaded.model.sha256;
    key.place["model settings"] = settings.dump();
    key.place["frame"] = text_of(place.frame);
    key.place["input"] = text_of(place.input);
    const bool on_gpu = place.devices.front().kind == device::DeviceKind::cuda;
    key.place["device"] =
        fmt::format("{} x{}", on_gpu ? kind_of(place.devices.front()) : processor_name(), place.devices.size());
    key.place["cores"] = std::to_string(machine_cores());
    key.versions["Millrace"] = version();
    key.versions["runtime"] = loaded.runtime.version;
    if (on_gpu) key.versions["GPU driver"] = gpu_driver_version();
    return key;
}

std::string encoder_text(const Job& job, const infer::ModelDescription& model) {
    if (model.output != infer::OutputKind::picture) return "";
    const media::EncoderRequest request = encoder_request(job.output);
    return fmt::format("{}, preset {}", request.codec, request.preset.empty() ? "default" : request.preset);
}

std::string TakenUp::identity() const {
    const TunedSettings bits = that_change_bits(settings);
    return bits == TunedSettings{} ? "" : to_json(bits).dump();
}

TakenUp use_tuning(Job& job, LoadedModel& loaded, const TunePlace& place,
                   const std::optional<pipeline::Identity>& earlier) {
    TakenUp taken;
    if (job.model.tuning == Tuning::ignore || job.model.tune_folder.empty()) return taken;
    const FoundTuning found = TuneStore(job.model.tune_folder).find(tune_key(loaded, place));
    std::optional<TunedSettings> stored;
    if (found.tuning) stored = without_strange_lanes(*found.tuning, encoder_text(job, loaded.model));
    Chosen chosen;
    if (earlier) {
        const auto text = earlier->find(tuned_key);
        if (text == earlier->end()) return taken;
        chosen = continued(text->second, stored);
    } else if (stored) {
        chosen = {*stored, "on " + date_of(found.tuning->at)};
    } else if (!found.problem.empty()) {
        taken.notes.push_back(found.problem);
    }
    taken.settings = left_open(chosen.settings, job, loaded.model);
    if (taken.settings.tensorrt) load_engines(loaded, job, taken);
    if (taken.settings == TunedSettings{}) return taken;
    take_up(job, taken.settings);
    const bool fuses = loaded.engines && loaded.engines->provider() == infer::Provider::fused;
    if (fuses && job.model.runtime == ModelRuntime::automatic && !may_fuse(job.model)) loaded.engines.reset();
    if (taken.settings.batch > 0) set_batch(loaded, taken.settings.batch);
    if (taken.settings.threads > 0) loaded.request.threads = taken.settings.threads;
    taken.notes.push_back(fmt::format("tuned {}: {}; --no-tune runs without", chosen.from, to_text(taken.settings)));
    return taken;
}

}  // namespace millrace::engine
