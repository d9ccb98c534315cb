#include <nlohmann/json.hpp>

#include "millrace/report.h"

namespace millrace {

namespace {

using nlohmann::json;

json to_json(const StageReport& stage) {
    return {{"name", stage.name},
            {"workers", stage.workers},
            {"frames", stage.frames},
            {"busy_seconds", stage.busy},
            {"wait_input_seconds", stage.wait_input},
            {"wait_output_seconds", stage.wait_output},
            {"gpu_seconds", stage.gpu},
            {"ceiling_fps", stage.ceiling_fps}};
}

json to_json(const FrameCounts& frames) {
    return {{"expected", frames.expected},
            {"decoded", frames.decoded},
            {"processed", frames.processed},
            {"encoded", frames.encoded},
            {"muxed", frames.muxed},
            {"dropped_pts", frames.dropped_pts},
            {"corrupt_pts", frames.corrupt_pts},
            {"missing_pts", frames.missing_pts},
            {"decode_errors", frames.decode_errors},
            {"nan_values", frames.nan_values},
            {"retimed", frames.retimed},
            {"reshaped", frames.reshaped}};
}

json to_json(const GpuReport& gpu) {
    return {{"device", gpu.device},
            {"kernel_seconds", gpu.kernel_seconds},
            {"kernel_share", gpu.kernel_share},
            {"kernels", gpu.kernels},
            {"kernels_watched", gpu.kernels_watched},
            {"up", {{"seconds", gpu.up_seconds}, {"bytes", gpu.up_bytes}}},
            {"down", {{"seconds", gpu.down_seconds}, {"bytes", gpu.down_bytes}}}};
}

json to_json(const GilReport& gil) {
    if (gil.samples == 0) return nullptr;
    return {{"samples", gil.samples},
            {"waited_share", gil.waited_share},
            {"held_up_share", gil.held_up_share},
            {"wait_p50_seconds", gil.wait_p50_seconds},
            {"wait_p95_seconds", gil.wait_p95_seconds}};
}

json to_json(const std::optional<std::vector<ScriptCopies>>& copies) {
    if (!copies) return nullptr;
    json lines = json::array();
    for (const ScriptCopies& line : *copies) {
        lines.push_back({{"line", line.line},
                         {"direction", line.direction},
                         {"count", line.count},
                         {"bytes", line.bytes},
                         {"seconds", line.seconds}});
    }
    return lines;
}

json to_json(const ScriptReport& script) {
    if (script.workers == 0) return nullptr;
    return {{"kind", script.kind},
            {"workers", script.workers},
            {"calls", script.calls},
            {"python_seconds", script.python_seconds},
            {"gil_wait_seconds", script.gil_wait_seconds},
            {"gil", to_json(script.gil)},
            {"copies", to_json(script.copies)},
            {"peak_memory_bytes", script.peak_memory}};
}

}  // namespace

std::string to_json(const Report& report) {
    json gpus = json::array();
    for (const GpuReport& gpu : report.gpus) gpus.push_back(to_json(gpu));
    json stages = json::array();
    for (const StageReport& stage : report.stages) stages.push_back(to_json(stage));
    const json body{{"input", report.input},
                    {"output", report.output},
                    {"device", report.device},
                    {"model", report.model},
                    {"encoder", report.encoder},
                    {"runtime", report.runtime},
                    {"model_runs_as", report.model_runs_as},
                    {"engine", report.engine},
                    {"size_in", {report.width_in, report.height_in}},
                    {"size_out", {report.width_out, report.height_out}},
                    {"input_seconds", report.input_seconds},
                    {"frames", to_json(report.frames)},
                    {"segments", {{"total", report.segments.total}, {"reused", report.segments.reused}}},
                    {"one_segment_reason", report.one_segment_reason},
                    {"stages", stages},
                    {"gpus", gpus},
                    {"script", to_json(report.script)},
                    {"started", report.started},
                    {"wall_seconds", report.wall_seconds},
                    {"run_seconds", report.run_seconds},
                    {"load_seconds", report.load_seconds},
                    {"first_run_seconds", report.first_run_seconds},
                    {"first_frame_seconds", report.first_frame_seconds},
                    {"join_seconds", report.join_seconds},
                    {"cores", report.cores},
                    {"cores_at_work", report.cores_at_work},
                    {"fps", report.fps},
                    {"peak_memory_bytes", report.peak_memory},
                    {"limiting_stage", report.limiting_stage},
                    {"verdict", report.verdict},
                    {"fallbacks", report.fallbacks},
                    {"notes", report.notes}};
    return body.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace millrace
