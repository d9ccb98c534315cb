#include "app/tune_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "app/table.h"

namespace millrace::app {

namespace {

using nlohmann::ordered_json;

int number(const ordered_json& settings, const char* name) { return settings.value(name, 0); }

std::string or_dash(int value) { return value > 0 ? std::to_string(value) : "-"; }

/// `untuned`: what runs compute in by themselves.
std::string precision_of(const ordered_json& settings, const std::string& untuned) {
    const std::string text = settings.value("fp32", false) ? "fp32" : untuned;
    return settings.value("tensorrt", false) ? text + ", TensorRT" : text;
}

std::string points_table(const ordered_json& tuned) {
    ordered_json chosen = tuned.at("chosen");
    chosen.erase("lanes");
    Table table({Align::left, Align::right, Align::right, Align::right, Align::left, Align::right, Align::right,
                 Align::right, Align::right});
    table.add({"", "batch", "runs", "threads", "precision", "fps", "+-", "frames", "a run"});
    for (const auto& point : tuned.at("points")) {
        const auto& settings = point.at("settings");
        table.add({settings == chosen ? "*" : "", or_dash(number(settings, "batch")),
                   or_dash(number(settings, "workers")), or_dash(number(settings, "threads")),
                   precision_of(settings, tuned.at("precision")), fmt::format("{:.2f}", point.at("fps").get<double>()),
                   fmt::format("{:.1f}%", 50 * point.at("spread").get<double>()),
                   std::to_string(point.at("frames").get<std::int64_t>()),
                   fmt::format("{:.1f} ms", ms * point.at("run_seconds").get<double>())});
    }
    return table.render(1);
}

std::string whole_table(const ordered_json& tuned) {
    Table table({Align::left, Align::right, Align::right, Align::left});
    for (const auto& run : tuned.at("whole")) {
        const int lanes = number(run.at("settings"), "lanes");
        const auto limits = run.at("limits").get<std::string>();
        table.add(
            {lanes > 0 ? fmt::format("{} lane{}", lanes, lanes == 1 ? "" : "s") : run.at("what").get<std::string>(),
             fmt::format("{:.2f} fps", run.at("fps").get<double>()),
             fmt::format("{} frame{}", run.at("frames").get<int>(), run.at("frames") == 1 ? "" : "s"),
             fmt::format("{} limits", limits.empty() ? "no stage" : limits)});
    }
    return table.render(2);
}

std::string live_table(const ordered_json& live) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right, Align::right,
                 Align::right, Align::right, Align::right, Align::left});
    table.add(
        {"", "batch", "timeout", "filled", "frames", "fps", "could do", "half within", "99% within", "worst", ""});
    for (const auto& point : live.at("points")) {
        const auto time = [&point](const char* name) {
            return fmt::format("{:.0f} ms", ms * point.at(name).template get<double>());
        };
        table.add({point == live.at("best") ? "*" : "", std::to_string(point.at("batch").get<int>()),
                   time("timeout_seconds"), fmt::format("{:.1f}", point.at("mean_batch").get<double>()),
                   std::to_string(point.at("frames").get<int>()), fmt::format("{:.1f}", point.at("fps").get<double>()),
                   fmt::format("{:.1f}", point.at("ceiling_fps").get<double>()), time("p50_seconds"),
                   time("p99_seconds"), time("worst_seconds"),
                   point.at("keeps_up").get<bool>() ? "" : "does not keep up"});
    }
    return table.render(1);
}

std::string live_result(const ordered_json& live) {
    const double rate = live.at("fps").get<double>();
    const auto& best = live.at("best");
    if (best.is_null()) {
        double most = 0;
        for (const auto& point : live.at("points")) most = std::max(most, point.at("fps").get<double>());
        return fmt::format("no setting keeps up with {:.6g} fps; the most that came through are {:.1f}\n", rate, most);
    }
    return fmt::format("soonest done at {:.6g} fps: --batch {} --batch-timeout {:.0f}ms\n", rate,
                       best.at("batch").get<int>(), ms * best.at("timeout_seconds").get<double>());
}

/// "" where every figure stands on enough.
std::string few_line(const ordered_json& few) {
    if (few.is_null()) return "";
    std::string remedy;
    if (!few.at("time").is_null()) remedy = fmt::format("--time {:.0f}", few.at("time").get<double>());
    if (few.at("longer_clip").get<bool>()) remedy += remedy.empty() ? "a longer clip" : " with a longer clip";
    return fmt::format("measured over few frames, {} at the least: {} makes the choice surer\n",
                       few.at("frames").get<int>(), remedy);
}

std::string ended_lines(const ordered_json& tuned) {
    Table table({Align::left, Align::left});
    for (const auto& ended : tuned.at("ended")) {
        table.add({ended.at("axis").get<std::string>(), ended.at("why").get<std::string>()});
    }
    return table.render(2);
}

}  // namespace

std::string render_tune(const std::string& json) {
    const ordered_json tuned = ordered_json::parse(json);
    const auto& input = tuned.at("model_input");
    std::string text =
        fmt::format("{} at {}x{} on {} ({}), {}\n", tuned.at("model").get<std::string>(), input.at(0).get<int>(),
                    input.at(1).get<int>(), tuned.at("device").get<std::string>(),
                    tuned.at("machine").get<std::string>(), tuned.at("runtime").get<std::string>());
    if (tuned.contains("live")) {
        const auto& live = tuned.at("live");
        return text + live_table(live) + "ended by\n" + ended_lines(tuned) + live_result(live);
    }
    text += "the model by itself\n" + points_table(tuned);
    if (!tuned.at("whole").empty()) text += "whole runs\n" + whole_table(tuned);
    text += "ended by\n" + ended_lines(tuned);
    text += few_line(tuned.at("few"));
    text += fmt::format("chosen: {}\n", tuned.at("chosen_text").get<std::string>());
    if (tuned.at("stored").is_null()) return text + "not kept: 'millrace run' does not know of it\n";
    return text + fmt::format("kept in {}; 'millrace run' takes it by itself\n", tuned.at("stored").get<std::string>());
}

}  // namespace millrace::app
