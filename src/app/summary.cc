#include "app/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "app/progress.h"
#include "app/table.h"

namespace millrace::app {

namespace {

std::string seconds_text(double seconds) {
    constexpr double minute = 60;
    return seconds < minute ? fmt::format("{:.1f} s", seconds) : render_duration(seconds);
}

std::string what_was_made(const Report& report) {
    std::string text =
        fmt::format("{}: {} frames", report.output == "-" ? "standard output" : report.output, report.frames.muxed);
    if (report.width_in > 0) text += fmt::format(", {}x{}", report.width_in, report.height_in);
    if (report.width_out > 0 && (report.width_out != report.width_in || report.height_out != report.height_in)) {
        text += fmt::format(" to {}x{}", report.width_out, report.height_out);
    }
    if (!report.encoder.empty()) text += fmt::format(", {}", report.encoder);
    if (!report.model.empty()) text += fmt::format(", {} on {}", report.model, report.device);
    return text;
}

std::string how_fast(const Report& report) {
    std::string text = fmt::format("{} in all", seconds_text(report.wall_seconds));
    if (report.fps > 0) text += fmt::format(", {:.1f} fps while running", report.fps);
    if (report.segments.total > 0) {
        text += fmt::format(", {} segment{}", report.segments.total, report.segments.total == 1 ? "" : "s");
    }
    if (report.segments.reused > 0) text += fmt::format(" ({} of an earlier run)", report.segments.reused);
    return text;
}

/// What it took of the machine, a script's processes included.
std::string how_much(const Report& report) {
    std::vector<std::string> parts;
    if (report.cores_at_work > 0)
        parts.push_back(fmt::format("{:.1f} of {} cores at work", report.cores_at_work, report.cores));
    const std::int64_t memory = report.peak_memory + report.script.peak_memory;
    if (memory > 0) parts.push_back(fmt::format("{} of memory at most", render_bytes(static_cast<double>(memory))));
    return parts.empty() ? "" : fmt::format("  {}\n", fmt::join(parts, ", "));
}

std::string percent(double part, double whole) {
    return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : std::string("-");
}

std::string stage_table(const Report& report) {
    const bool on_gpu = std::ranges::any_of(report.stages, [](const StageReport& stage) { return stage.gpu > 0; });
    std::vector<Align> columns(8, Align::right);
    columns.front() = Align::left;
    Table table(std::move(columns));
    table.add({"stage", "workers", "frames", "busy", "waits in", "waits out", "ceiling", on_gpu ? "on GPU" : ""});
    for (const StageReport& stage : report.stages) {
        const double whole = stage.busy + stage.wait_input + stage.wait_output;
        if (stage.workers == 0 && whole == 0) continue;
        // The conversions are done by threads of their neighbours, whose waits those are.
        const double own = stage.name.starts_with("to_") ? 0 : whole;
        table.add({stage.name, fmt::format("{}", stage.workers), fmt::format("{}", stage.frames),
                   percent(stage.busy, own), percent(stage.wait_input, own), percent(stage.wait_output, own),
                   stage.ceiling_fps > 0 ? fmt::format("{:.1f} fps", stage.ceiling_fps) : std::string("-"),
                   stage.gpu > 0 ? fmt::format("{:.1f} s", stage.gpu) : std::string()});
    }
    return table.render(2);
}

/// Kernels of a long run are recorded at its beginning only.
std::string time_watched(const Report& report, const GpuReport& gpu) {
    constexpr double rounding = 1;  // the watch begins and ends a little apart from the run
    if (gpu.kernels_watched <= 0 || gpu.kernels_watched + rounding > report.run_seconds) return "the time";
    return fmt::format("the first {:.0f} s", gpu.kernels_watched);
}

std::string gpu_lines(const Report& report) {
    std::string text;
    for (const GpuReport& gpu : report.gpus) {
        text += fmt::format("  {}: kernels ran for {:.1f}% of {}; {} up, {} down\n", gpu.device, 100 * gpu.kernel_share,
                            time_watched(report, gpu), render_bytes(static_cast<double>(gpu.up_bytes)),
                            render_bytes(static_cast<double>(gpu.down_bytes)));
    }
    return text;
}

/// Where it is worth a line: the share of the script's time that other threads of Python took from it.
std::string script_line(const ScriptReport& script) {
    constexpr double notable = 0.05;
    constexpr int enough_samples = 20;
    if (script.gil.samples < enough_samples || script.gil.held_up_share <= notable) return {};
    const char* advice = script.kind == "generator"
                             ? "work of theirs that is moved to another process takes none of it"
                             : "with --script-workers every process has its own, or move their work to another process";
    return fmt::format(
        "  script: stood still for {:.0f}% of the time in its calls while other threads had Python's lock "
        "(sampled); {}\n",
        100 * script.gil.held_up_share, advice);
}

/// Where it is worth a line: what takes the most time to bring to a GPU or from it.
std::string copies_line(const Report& report) {
    if (!report.script.copies) return {};
    constexpr double notable = 0.01;  // of the run
    double most = notable * report.run_seconds;
    const ScriptCopies* worst = nullptr;
    for (const ScriptCopies& line : *report.script.copies) {
        if (line.direction == "across" || line.seconds <= most) continue;
        worst = &line;
        most = line.seconds;
    }
    if (worst == nullptr) return {};
    return fmt::format("  script: {} copies {} {} the GPU, {:.1f} s in {} copies; what stays there needs none\n",
                       worst->line, render_bytes(static_cast<double>(worst->bytes)),
                       worst->direction == "up" ? "to" : "from", worst->seconds, worst->count);
}

void add_count(std::string& text, std::size_t count, std::string_view what) {
    if (count > 0) text += fmt::format("  {} frame{} {}\n", count, count == 1 ? "" : "s", what);
}

std::string losses(const FrameCounts& frames) {
    std::string text;
    add_count(text, frames.corrupt_pts.size(), "damaged in the input, concealed");
    add_count(text, frames.dropped_pts.size(), "damaged in the input, left out");
    add_count(text, frames.missing_pts.size(), "promised by the input's index, but not there");
    add_count(text, static_cast<std::size_t>(frames.retimed), "without a usable time in the input, given one");
    add_count(text, static_cast<std::size_t>(frames.reshaped), "of another size or format than the first, converted");
    if (frames.nan_values > 0) text += fmt::format("  {} NaN values of the model became 0\n", frames.nan_values);
    return text;
}

}  // namespace

std::string render_bytes(double bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB"};
    constexpr double step = 1024;
    std::size_t unit = 0;
    while (bytes >= step && unit + 1 < units.size()) {
        bytes /= step;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, units[unit]);
}

std::string render_summary(const Report& report) {
    std::string text = what_was_made(report) + "\n  " + how_fast(report) + "\n" + how_much(report);
    if (!report.stages.empty()) text += stage_table(report);
    text += gpu_lines(report);
    text += script_line(report.script);
    text += copies_line(report);
    text += losses(report.frames);
    for (const std::string& line : report.fallbacks) text += fmt::format("  fallback: {}\n", line);
    for (const std::string& line : report.notes) text += fmt::format("  note: {}\n", line);
    if (!report.verdict.empty()) text += fmt::format("  {}\n", report.verdict);
    return text;
}

}  // namespace millrace::app
