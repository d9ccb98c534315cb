#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/tune_text.h"

namespace millrace::app {

namespace {

using nlohmann::json;

// Of the picture and of the field within, in pixels.
constexpr double width = 720;
constexpr double height = 440;
constexpr double left = 80;
constexpr double right = 20;
constexpr double top = 56;
constexpr double bottom = 60;
constexpr int ticks = 5;
constexpr const char* colors[] = {"#1f5fa8", "#c2571a", "#2f7d32", "#7b3fa0", "#a8324a", "#4a4a4a"};

struct Mark {
    double x = 0;
    double y = 0;
    std::string label;  ///< beside it; empty: none
    bool chosen = false;
    bool hollow = false;  ///< what does not keep up
};

/// Whether marks are joined.
enum class Strokes { joined, none };

struct Line {
    std::string name;
    std::vector<Mark> marks;
    Strokes strokes = Strokes::joined;
};

enum class Scale { linear, doublings };

struct Axis {
    std::string title;
    Scale scale = Scale::linear;
    double low = 0;
    double high = 1;

    /// 0 to 1.
    [[nodiscard]] double place(double value) const {
        if (scale == Scale::linear) return (value - low) / (high - low);
        return high > low ? std::log2(value / low) / std::log2(high / low) : 0.5;
    }
};

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else {
            out += c;
        }
    }
    return out;
}

/// The next 1, 2 or 5 times a power of ten.
double round_step(double step) {
    const double power = std::pow(10, std::floor(std::log10(step)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= step) return factor * power;
    }
    return 10 * power;
}

std::vector<double> ticks_of(const Axis& axis) {
    std::vector<double> values;
    if (axis.scale == Scale::doublings) {
        for (double value = axis.low; value <= axis.high; value *= 2) values.push_back(value);
        return values;
    }
    const double step = round_step((axis.high - axis.low) / ticks);
    for (int i = 0; axis.low + i * step <= axis.high * (1 + 1e-9); ++i) values.push_back(axis.low + i * step);
    return values;
}

/// Draws lines into one field.
class Plot {
  public:
    Plot(std::string title, Axis x, Axis y) : title_(std::move(title)), x_(std::move(x)), y_(std::move(y)) {}

    std::string draw(const std::vector<Line>& lines) {
        body_ = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
            "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
            "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
            width, height);
        text(width / 2, 20, "middle", title_, R"(font-size="14" font-weight="bold")");
        draw_axes();
        for (std::size_t i = 0; i < lines.size(); ++i) draw_line(lines[i], colors[i % std::size(colors)]);
        draw_names(lines);
        return body_ + "</svg>\n";
    }

  private:
    [[nodiscard]] double at_x(double value) const { return left + x_.place(value) * (width - left - right); }
    [[nodiscard]] double at_y(double value) const {
        return height - bottom - y_.place(value) * (height - top - bottom);
    }

    void text(double x, double y, const char* anchor, const std::string& words, const char* more = "") {
        body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y, anchor, more,
                             escaped(words));
    }

    void rule(double x1, double y1, double x2, double y2) {
        body_ += fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"#ddd\"/>\n", x1, y1, x2, y2);
    }

    void draw_axes() {
        for (const double value : ticks_of(x_)) {
            rule(at_x(value), top, at_x(value), height - bottom);
            text(at_x(value), height - bottom + 18, "middle", fmt::format("{:.4g}", value));
        }
        for (const double value : ticks_of(y_)) {
            rule(left, at_y(value), width - right, at_y(value));
            text(left - 8, at_y(value) + 4, "end", fmt::format("{:.4g}", value));
        }
        text((left + width - right) / 2, height - 14, "middle", x_.title);
        body_ += fmt::format("<g transform=\"translate(20 {:.1f}) rotate(-90)\">", (top + height - bottom) / 2);
        text(0, 0, "middle", y_.title);
        body_ += "</g>\n";
    }

    void draw_line(const Line& line, const char* color) {
        std::string path;
        for (const Mark& mark : line.marks) {
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at_x(mark.x), at_y(mark.y));
        }
        if (line.strokes == Strokes::joined)
            body_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", path, color);
        for (const Mark& mark : line.marks) {
            body_ += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" stroke=\"{}\" "
                "stroke-width=\"1.5\"/>\n",
                at_x(mark.x), at_y(mark.y), mark.chosen ? 7 : 3.5, mark.hollow ? "#fff" : color, color);
            if (!mark.label.empty()) text(at_x(mark.x) + 9, at_y(mark.y) - 7, "start", mark.label, R"(font-size="11")");
        }
    }

    void draw_names(const std::vector<Line>& lines) {
        constexpr double name_y = 40;
        constexpr double a_letter = 6.6;
        double x = left;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            body_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", x,
                                 name_y - 9, colors[i % std::size(colors)]);
            text(x + 14, name_y, "start", lines[i].name);
            x += 34 + a_letter * static_cast<double>(lines[i].name.size());
        }
    }

    std::string title_;
    Axis x_;
    Axis y_;
    std::string body_;
};

void widen(Axis& axis, double value) {
    axis.low = std::min(axis.low, value);
    axis.high = std::max(axis.high, value);
}

/// "2 runs of 1 thread, fp32": what a line of batches has in common.
std::string line_name(const json& settings) {
    std::string name;
    if (settings.contains("workers")) {
        name = fmt::format("{} x {} thread{}", settings.at("workers").get<int>(), settings.value("threads", 1),
                           settings.value("threads", 1) == 1 ? "" : "s");
    }
    const auto add = [&name](const char* word) { name += (name.empty() ? "" : ", ") + std::string(word); };
    if (settings.value("fp32", false)) add("fp32");
    if (settings.value("tensorrt", false)) add("TensorRT");
    if (name.empty()) name = "as it is";
    return name;
}

std::string plot_batches(const json& tuned) {
    json chosen = tuned.at("chosen");
    chosen.erase("lanes");
    Axis x{"frames in a run (batch)", Scale::doublings, 1, 2};
    Axis y{"frames a second, the model by itself", Scale::linear, 0, 0};
    std::map<std::string, Line> by_name;
    std::vector<std::string> order;
    for (const json& point : tuned.at("points")) {
        const json& settings = point.at("settings");
        const std::string name = line_name(settings);
        const Mark mark{settings.at("batch").get<double>(), point.at("fps").get<double>(),
                        settings == chosen ? "chosen" : "", settings == chosen, false};
        if (by_name.try_emplace(name, Line{name, {}, Strokes::joined}).second) order.push_back(name);
        by_name[name].marks.push_back(mark);
        widen(x, mark.x);
        widen(y, 1.15 * mark.y);
    }
    std::vector<Line> lines;
    for (const std::string& name : order) {
        std::ranges::sort(by_name[name].marks, {}, &Mark::x);
        lines.push_back(by_name[name]);
    }
    if (y.high <= 0) y.high = 1;
    return Plot(fmt::format("{} on {}", tuned.at("model").get<std::string>(), tuned.at("device").get<std::string>()), x,
                y)
        .draw(lines);
}

// Throughput is what the model could give with runs so filled; what comes is the same for all that keep up.
std::string plot_live(const json& tuned) {
    const json& live = tuned.at("live");
    Axis x{"frames a second that runs so filled could give (label: batch / timeout in ms; hollow: does not keep up)",
           Scale::linear, 0, 1};
    Axis y{"milliseconds from when a frame was due to its result", Scale::linear, 0, 1};
    Line half{"half of the frames within", {}, Strokes::none};
    Line most{"99 % of the frames within", {}, Strokes::none};
    for (const json& point : live.at("points")) {
        const double fps = point.at("ceiling_fps").get<double>();
        const bool hollow = !point.at("keeps_up").get<bool>();
        const bool best = point == live.at("best");
        const std::string label =
            fmt::format("{} / {:.0f}", point.at("batch").get<int>(), 1e3 * point.at("timeout_seconds").get<double>());
        half.marks.push_back({fps, 1e3 * point.at("p50_seconds").get<double>(), "", best, hollow});
        most.marks.push_back({fps, 1e3 * point.at("p99_seconds").get<double>(), label, best, hollow});
        widen(x, 1.1 * fps);
        widen(y, 1.15 * most.marks.back().y);
    }
    return Plot(fmt::format("{} on {}, frames at {:.6g} a second", tuned.at("model").get<std::string>(),
                            tuned.at("device").get<std::string>(), live.at("fps").get<double>()),
                x, y)
        .draw({half, most});
}

}  // namespace

std::string plot_tune(const std::string& text) {
    const json tuned = json::parse(text);
    return tuned.contains("live") ? plot_live(tuned) : plot_batches(tuned);
}

}  // namespace millrace::app
