#include "engine/model_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "device/cuda/rates.h"
#include "engine/device_choice.h"
#include "engine/engine_session.h"
#include "engine/first_session.h"
#include "engine/gpu_memory.h"
#include "infer/engine_record.h"
#include "infer/fused/layer_table.h"
#include "infer/fused/layer_times.h"
#include "infer/fused/roofline.h"
#include "infer/tiles.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

using infer::fused::LayerRow;
using infer::fused::LayerTable;
using infer::fused::LayerTime;
using nlohmann::json;

constexpr infer::Size default_size{1920, 1080};

// The model as a run on a video of the default size would see it.
pipeline::ModelPlan plan_for(const infer::ModelDescription& model) {
    pipeline::ModelPlan plan;
    plan.model = model;
    plan.frame = pipeline::frame_size(model, default_size, pipeline::Evenness::any);
    plan.input = model.tile ? infer::plan_tiles(model, plan.frame).tile : plan.frame;
    return plan;
}

infer::fused::DevicePeak peak_of(device::DeviceId device) {
    const std::vector<device::CudaDeviceInfo> all = device::cuda_devices();
    const auto found = std::ranges::find(all, device.index, &device::CudaDeviceInfo::index);
    if (found == all.end()) return {};
    const device::CudaRates rates = device::cuda_rates(device.index);
    const double a_clock = infer::fused::tensor_operations_a_clock(found->sm_major, found->sm_minor);
    return {a_clock * found->multiprocessors * rates.clock_hz, rates.memory_bytes_per_second};
}

// What is known of the plans that a model's fused layers run by.
struct Measured {
    std::vector<LayerTime> times;
    std::optional<infer::EngineRecord> record;
    std::string digest;
    std::string problem;  ///< why there is nothing; "": there is
};

// Looks up the plans of a run's first GPU, and has them chosen.
class Measuring {
  public:
    Measuring(const ModelOptions& options, const pipeline::ModelPlan& plan, const ShowOptions& show,
              device::DeviceId device)
        : options_(options), plan_(plan), show_(show), device_(device) {}

    Measured measure() {
        try {
            engines_ = infer::load_fused(options_.runtime_library);
            if (options_.engine_cache.empty()) {
                return without("HOME is not set; say with --engine-cache where plans are kept");
            }
            return find_or_build();
        } catch (const core::Error& error) {
            if (error.code() == core::ErrorCode::interrupted) throw;
            return without(error.what());
        }
    }

  private:
    static Measured without(std::string why) {
        Measured measured;
        measured.problem = std::move(why);
        return measured;
    }

    Measured find_or_build() {
        request_.path = options_.path;
        request_.runtime_library = options_.runtime_library;
        request_.device = device_;
        RunOptions run;
        request_.gpu_memory = gpu_memory_for(run, {device_}).model;
        set_precision(request_, plan_.model, Precision::automatic, device_);
        const infer::EngineJob job{request_, plan_.model, plan_.input};
        const infer::EngineKey key =
            infer::engine_key(job, *engines_, infer::load_runtime(options_.runtime_library).version, kind_of(device_));
        infer::EngineCache cache(options_.engine_cache);
        infer::Engine engine = cache.find(key);
        if (engine.status == infer::EngineStatus::missing) {
            if (show_.progress) show_.progress("choosing plans of fused layers, which a run would do first");
            if (std::string why = build(job, cache, key); !why.empty()) return without(std::move(why));
            engine = cache.find(key);
        }
        if (engine.status != infer::EngineStatus::ready) {
            return without(engine.reason.empty() ? "there are no plans" : engine.reason);
        }
        Measured measured;
        measured.times = infer::fused::load_layer_times(engine.folder);
        measured.record = infer::load_record(engine.folder);
        measured.digest = engine.digest;
        return measured;
    }

    // As a run does, on test patterns. "", or why there are none.
    std::string build(const infer::EngineJob& job, infer::EngineCache& cache, const infer::EngineKey& key) {
        std::optional<Samples> samples;
        const auto sampled = [&]() -> const Samples& {
            if (!samples) samples.emplace(plan_);
            return *samples;
        };
        const EngineSource source{
            *engines_, cache, key, Wish::asked, comparison_basis(plan_.model), [](const BuildState&) {}, show_.stop};
        Serving serving{[&] { return make_reference_session(request_, plan_); }, [] { return CheckedSession(); },
                        sampled};
        serving.rival = [&] { return make_rival_session(request_, plan_); };
        const CheckedSession made = make_engine_session(job, source, serving, Earlier::none);
        return made.fallbacks.empty() ? "" : made.fallbacks.front();
    }

    const ModelOptions& options_;
    const pipeline::ModelPlan& plan_;
    const ShowOptions& show_;
    device::DeviceId device_;
    std::unique_ptr<infer::EngineRuntime> engines_;
    infer::ModelRequest request_;
};

json row_to_json(const LayerRow& row, const std::vector<LayerTime>& times, const infer::fused::DevicePeak& peak) {
    json body{{"name", row.name}, {"operators", row.operators}, {"fused", row.reason.empty()}};
    if (!row.reason.empty()) {
        body["reason"] = row.reason;
        return body;
    }
    body["operations"] = row.work.operations;
    body["bytes"] = row.work.bytes;
    double seconds = 0;
    std::string plan;
    for (const LayerTime& time : times) {
        if (time.name != row.name) continue;
        seconds += time.seconds;
        if (!time.plan.empty()) plan = time.plan;
    }
    if (seconds <= 0) return body;
    body["seconds"] = seconds;
    if (!plan.empty()) body["plan"] = plan;
    if (const double least = infer::fused::least_seconds(row.work, peak); least > 0) body["ceiling"] = least / seconds;
    return body;
}

// What the rows come to.
json sums_of(const json& rows) {
    json sums{{"fused", 0}, {"not_fused", 0}, {"operations", 0.0}, {"bytes", 0.0}, {"seconds", 0.0}};
    double least = 0;
    for (const json& row : rows) {
        const bool fused = row.at("fused");
        const bool counts = !row.at("operators").empty();  // as opposed to what lies around layers
        if (counts) sums[fused ? "fused" : "not_fused"] = sums.at(fused ? "fused" : "not_fused").get<int>() + 1;
        for (const char* key : {"operations", "bytes", "seconds"}) {
            sums[key] = sums.at(key).get<double>() + row.value(key, 0.0);
        }
        least += row.value("ceiling", 0.0) * row.value("seconds", 0.0);
    }
    if (sums.at("seconds").get<double>() > 0 && least > 0) sums["ceiling"] = least / sums.at("seconds").get<double>();
    return sums;
}

// What lies around fused layers, of all parts together.
void add_surroundings(json& rows, const std::vector<LayerTime>& times) {
    for (const char* name : {infer::fused::taking_in, infer::fused::left_to_runtime, infer::fused::giving_out}) {
        double seconds = 0;
        for (const LayerTime& time : times) seconds += time.name == name ? time.seconds : 0;
        if (seconds <= 0) continue;
        const json row{{"name", name}, {"operators", json::array()}, {"fused", true}, {"seconds", seconds}};
        rows.insert(name == infer::fused::taking_in ? rows.begin() : rows.end(), row);
    }
}

void add_measured(json& body, const Measured& measured) {
    if (!measured.problem.empty()) body["problem"] = measured.problem;
    if (!measured.digest.empty()) body["engine"] = measured.digest;
    if (!measured.record) return;
    body["check"] = {{"text", measured.record->verdict.text}, {"numbers", measured.record->verdict.numbers}};
    body["run_seconds"] = measured.record->seconds;
}

}  // namespace

json layers_to_json(const ModelOptions& options, const infer::ModelDescription& model, const ShowOptions& show) {
    const device::DeviceId device = choose_devices(show.device).front();
    const pipeline::ModelPlan plan = plan_for(model);
    json body{{"device", device.kind == device::DeviceKind::cuda ? kind_of(device) : "cpu"},
              {"size", {plan.input.width, plan.input.height}},
              {"size_is_default", !model.input_size && !model.tile},
              {"batch", model.batch}};
    LayerTable table;
    try {
        table = infer::fused::layer_table(infer::fused::lower_model(model, plan.input, options.runtime_library));
    } catch (const core::Error& error) {
        body["problem"] = error.what();
        return body;
    }
    Measured measured;
    infer::fused::DevicePeak peak;
    if (device.kind == device::DeviceKind::cuda) {
        peak = peak_of(device);
        measured = Measuring(options, plan, show, device).measure();
        body["peak"] = {{"operations", peak.operations}, {"bytes", peak.bytes}};
    }
    json rows = json::array();
    for (const LayerRow& row : table.rows) rows.push_back(row_to_json(row, measured.times, peak));
    add_surroundings(rows, measured.times);
    body["sums"] = sums_of(rows);
    body["rows"] = std::move(rows);
    body["folded"] = table.folded;
    add_measured(body, measured);
    return body;
}

}  // namespace millrace::engine
