#include "app/layer_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "app/table.h"

namespace millrace::app {

namespace {

using nlohmann::ordered_json;

constexpr double giga = 1e9;
constexpr double mega = 1e6;
constexpr double tera = 1e12;

/// "0.361", "12.3", "4310": three digits that mean something.
std::string number(double value) {
    const int digits = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
    return fmt::format("{:.{}f}", value, digits);
}

/// "Conv, PRelu", "Conv, Add x 2".
std::string operators_of(const ordered_json& operators) {
    std::vector<std::string> words;
    std::size_t times = 1;
    for (std::size_t i = 0; i < operators.size(); i += times) {
        times = 1;
        while (i + times < operators.size() && operators[i + times] == operators[i]) ++times;
        const auto name = operators[i].get<std::string>();
        words.push_back(times > 1 ? fmt::format("{} x {}", name, times) : name);
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string rate_of(const ordered_json& row) {
    const double seconds = row.at("seconds");
    if (row.value("operations", 0.0) > 0) {
        return fmt::format("{} TFLOP/s", number(row.at("operations").get<double>() / seconds / tera));
    }
    if (row.value("bytes", 0.0) <= 0) return "";
    return fmt::format("{} GB/s", number(row.at("bytes").get<double>() / seconds / giga));
}

std::vector<std::string> cells_of(const ordered_json& row, bool timed, Plans plans) {
    std::vector<std::string> cells{row.at("name"), operators_of(row.at("operators"))};
    if (!row.at("fused").get<bool>()) {
        cells.resize(timed ? 7 : 4);
        cells.push_back("not fused: " + row.at("reason").get<std::string>());
        return cells;
    }
    const double operations = row.value("operations", 0.0);
    cells.push_back(operations > 0 ? number(operations / giga) : "");
    cells.push_back(row.contains("bytes") ? number(row.at("bytes").get<double>() / mega) : "");
    if (!timed) return cells;
    const bool has_time = row.contains("seconds");
    cells.push_back(has_time ? fmt::format("{:.3f}", ms * row.at("seconds").get<double>()) : "");
    cells.push_back(has_time ? rate_of(row) : "");
    cells.push_back(row.contains("ceiling") ? fmt::format("{:.0f}%", 100 * row.at("ceiling").get<double>()) : "");
    if (plans == Plans::shown) cells.push_back(row.value("plan", ""));
    return cells;
}

std::string table_of(const ordered_json& rows, bool timed, Plans plans) {
    std::vector<Align> columns(timed ? 8 : 5, Align::right);
    columns[0] = columns[1] = columns.back() = Align::left;
    std::vector<std::string> head{"layer", "operators", "GFLOP", "MB"};
    if (timed) head.insert(head.end(), {"ms", "", "of ceiling"});
    if (timed && plans == Plans::shown) head.emplace_back("plan");
    Table table(std::move(columns));
    table.add(std::move(head));
    for (const auto& row : rows) table.add(cells_of(row, timed, plans));
    return table.render(2);
}

std::string sums_line(const ordered_json& layers) {
    const ordered_json& sums = layers.at("sums");
    const auto plural = [&](const char* key, const char* one) {
        const int count = sums.at(key);
        return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
    };
    std::string text = fmt::format("  {} fused, {} not", plural("fused", "layer"), plural("not_fused", "node"));
    if (sums.at("fused").get<int>() == 0) return text + "\n";
    text += fmt::format(": {} GFLOP, {} MB", number(sums.at("operations").get<double>() / giga),
                        number(sums.at("bytes").get<double>() / mega));
    if (const double seconds = sums.at("seconds"); seconds > 0) text += fmt::format(", {:.3f} ms", ms * seconds);
    if (sums.contains("ceiling")) {
        const ordered_json& peak = layers.at("peak");
        text += fmt::format(", {:.0f}% of the ceiling ({:.0f} TFLOP/s, {:.2f} TB/s)",
                            100 * sums.at("ceiling").get<double>(), peak.at("operations").get<double>() / tera,
                            peak.at("bytes").get<double>() / tera);
    }
    return text + "\n";
}

std::string folded_line(const ordered_json& folded) {
    std::vector<std::string> words;
    for (const auto& [name, count] : folded.items()) {
        words.push_back(count.get<int>() > 1 ? fmt::format("{} x {}", name, count.get<int>()) : name);
    }
    return words.empty() ? "" : fmt::format("  folded away: {}\n", fmt::join(words, ", "));
}

std::string runs_line(const ordered_json& seconds) {
    std::vector<std::string> words;
    for (const auto& [way, time] : seconds.items()) {
        words.push_back(fmt::format("{} {:.3f} ms", way, ms * time.get<double>()));
    }
    return words.empty() ? "" : fmt::format("  a run: {}\n", fmt::join(words, ", "));
}

}  // namespace

std::string render_layers(const std::string& json, Plans plans) {
    const ordered_json layers = ordered_json::parse(json).at("layers");
    const bool by_default = layers.at("size_is_default");
    std::string text =
        fmt::format("layers at {}x{}{}, batch {}, on {}\n", layers.at("size")[0].get<int>(),
                    layers.at("size")[1].get<int>(), by_default ? " (--input-size gives another size)" : "",
                    layers.at("batch").get<int>(), layers.at("device").get<std::string>());
    if (layers.contains("rows")) {
        const ordered_json& rows = layers.at("rows");
        const bool timed = layers.at("sums").at("seconds").get<double>() > 0;
        text += table_of(rows, timed, plans) + sums_line(layers) + folded_line(layers.at("folded"));
    }
    if (layers.contains("check")) {
        text += fmt::format("  check: {}\n", layers.at("check").at("text").get<std::string>());
    }
    if (layers.contains("run_seconds")) text += runs_line(layers.at("run_seconds"));
    if (layers.contains("problem")) {
        text += fmt::format("  not run as fused layers: {}\n", layers.at("problem").get<std::string>());
    }
    return text;
}

}  // namespace millrace::app
