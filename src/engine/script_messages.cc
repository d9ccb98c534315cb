#include "engine/script_messages.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

namespace millrace {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(GpuReport, device, kernel_seconds, kernel_share, kernels, kernels_watched,
                                   up_seconds, down_seconds, up_bytes, down_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ScriptCopies, line, direction, count, bytes, seconds)

}  // namespace millrace

namespace millrace::engine {

namespace {

using nlohmann::json;
using pipeline::StageSums;

// The clock is the machine's, the same in all processes.
pipeline::Clock::rep ticks_of(pipeline::Clock::time_point time) { return time.time_since_epoch().count(); }
pipeline::Clock::time_point time_at(const json& ticks) {
    return pipeline::Clock::time_point(pipeline::Clock::duration(ticks.get<pipeline::Clock::rep>()));
}

json to_message(const StageSums& sums) {
    json message = {sums.gpu.count(),  sums.frames,          sums.workers_now,
                    sums.workers_peak, ticks_of(sums.began), ticks_of(sums.ended)};
    for (const std::chrono::nanoseconds time : sums.time) message.push_back(time.count());
    return message;
}

StageSums sums_from_message(const json& message) {
    StageSums sums;
    sums.gpu = std::chrono::nanoseconds(message.at(0).get<std::int64_t>());
    sums.frames = message.at(1).get<std::int64_t>();
    sums.workers_now = message.at(2).get<int>();
    sums.workers_peak = message.at(3).get<int>();
    sums.began = time_at(message.at(4));
    sums.ended = time_at(message.at(5));
    for (std::size_t i = 0; i < sums.time.size(); ++i) {
        sums.time.at(i) = std::chrono::nanoseconds(message.at(6 + i).get<std::int64_t>());
    }
    return sums;
}

json steps_out(const infer::ScriptDescription& script) {
    json steps = json::array();
    for (const infer::ScriptStep& step : script.steps) steps.push_back({step.scale, step.rate});
    return steps;
}

json made_to_message(const Report& made) {
    const FrameCounts& frames = made.frames;
    return {{"device", made.device},
            {"encoder", made.encoder},
            {"sizes", {made.width_in, made.height_in, made.width_out, made.height_out}},
            {"frames", {frames.decoded, frames.processed, frames.encoded, frames.muxed, frames.nan_values}},
            {"segments", {made.segments.total, made.segments.reused}},
            {"seconds", {made.run_seconds, made.join_seconds}},
            {"cores", made.cores},
            {"cores_at_work", made.cores_at_work},
            {"fallbacks", made.fallbacks},
            {"notes", made.notes}};
}

json copies_to_message(const std::optional<std::vector<ScriptCopies>>& copies) {
    return copies ? json(*copies) : json();
}

std::optional<std::vector<ScriptCopies>> copies_from_message(const json& message) {
    if (message.is_null()) return std::nullopt;
    return message.get<std::vector<ScriptCopies>>();
}

Report made_from_message(const json& message) {
    Report made;
    made.device = message.at("device").get<std::string>();
    made.encoder = message.at("encoder").get<std::string>();
    const auto sizes = message.at("sizes").get<std::array<int, 4>>();
    std::tie(made.width_in, made.height_in, made.width_out, made.height_out) = std::tuple_cat(sizes);
    FrameCounts& to = made.frames;
    const auto frames = message.at("frames").get<std::array<std::int64_t, 5>>();
    std::tie(to.decoded, to.processed, to.encoded, to.muxed, to.nan_values) = std::tuple_cat(frames);
    made.segments = {message.at("segments").at(0).get<int>(), message.at("segments").at(1).get<int>()};
    made.run_seconds = message.at("seconds").at(0).get<double>();
    made.join_seconds = message.at("seconds").at(1).get<double>();
    made.cores = message.at("cores").get<int>();
    made.cores_at_work = message.at("cores_at_work").get<double>();
    made.fallbacks = message.at("fallbacks").get<std::vector<std::string>>();
    made.notes = message.at("notes").get<std::vector<std::string>>();
    return made;
}

}  // namespace

std::vector<infer::ScriptStep> steps_in(const json& steps) {
    std::vector<infer::ScriptStep> found;
    for (const json& step : steps) found.push_back({step.at(0).get<int>(), step.at(1).get<int>()});
    return found;
}

json to_message(const infer::ScriptDescription& script) {
    return {{"path", script.path},
            {"sha256", script.sha256},
            {"kind", static_cast<int>(script.kind)},
            {"settings", script.settings},
            {"dtype", static_cast<int>(script.dtype)},
            {"steps", steps_out(script)},
            {"saves", script.saves},
            {"parameters", script.parameters},
            {"runtime", script.runtime}};
}

infer::ScriptDescription script_from_message(const json& message) {
    infer::ScriptDescription script;
    script.path = message.at("path").get<std::string>();
    script.sha256 = message.at("sha256").get<std::string>();
    script.kind = static_cast<infer::ScriptKind>(message.at("kind").get<int>());
    script.settings = message.at("settings").get<infer::Settings>();
    script.dtype = static_cast<core::DType>(message.at("dtype").get<int>());
    script.steps = steps_in(message.at("steps"));
    script.saves = message.at("saves").get<bool>();
    script.parameters = message.at("parameters").get<std::string>();
    script.runtime = message.at("runtime").get<std::string>();
    return script;
}

json to_message(const core::Error& error) {
    return {{"failed", {{"code", static_cast<int>(error.code())}, {"message", error.what()}}}};
}

core::Error error_from_message(const json& message) {
    return {static_cast<core::ErrorCode>(message.at("failed").at("code").get<int>()),
            message.at("failed").at("message").get<std::string>()};
}

json to_message(const WorkerReport& report) {
    const ScriptReport& script = report.script;
    return {{"script", {script.calls, script.python_seconds, script.gil_wait_seconds, script.peak_memory}},
            {"copies", copies_to_message(script.copies)},
            {"gil", {report.gil.counts, report.gil.noticed, report.gil.held_up}},
            {"cpu_seconds", report.cpu_seconds},
            {"gpus", report.gpus},
            {"notes", report.notes},
            {"made", made_to_message(report.made)}};
}

WorkerReport report_from_message(const json& message) {
    WorkerReport report;
    const json& script = message.at("script");
    report.script.calls = script.at(0).get<std::int64_t>();
    report.script.python_seconds = script.at(1).get<double>();
    report.script.gil_wait_seconds = script.at(2).get<double>();
    report.script.peak_memory = script.at(3).get<std::int64_t>();
    report.script.copies = copies_from_message(message.at("copies"));
    const json& gil = message.at("gil");
    report.gil.counts = gil.at(0).get<decltype(report.gil.counts)>();
    report.gil.noticed = gil.at(1).get<std::int64_t>();
    report.gil.held_up = gil.at(2).get<std::int64_t>();
    report.cpu_seconds = message.at("cpu_seconds").get<double>();
    report.gpus = message.at("gpus").get<std::vector<GpuReport>>();
    report.notes = message.at("notes").get<std::vector<std::string>>();
    report.made = made_from_message(message.at("made"));
    return report;
}

json to_message(const WorkerProgress& progress) {
    json stages = json::array();
    for (const StageSums& sums : progress.stages) stages.push_back(to_message(sums));
    return {{"frames", progress.run.frames_done}, {"lanes", progress.run.lanes}, {"stages", std::move(stages)}};
}

WorkerProgress progress_from_message(const json& message) {
    WorkerProgress progress;
    progress.run.frames_done = message.at("frames").get<std::int64_t>();
    progress.run.lanes = message.at("lanes").get<int>();
    for (std::size_t i = 0; i < progress.stages.size(); ++i) {
        progress.stages.at(i) = sums_from_message(message.at("stages").at(i));
    }
    return progress;
}

}  // namespace millrace::engine
