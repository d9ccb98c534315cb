#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <vector>

namespace millrace::app {

namespace {

constexpr std::chrono::seconds line_interval{5};

std::atomic<ProgressPrinter*>& active_printer() {
    static std::atomic<ProgressPrinter*> printer{nullptr};
    return printer;
}

void write_through_printer(core::log::Level level, std::string_view line) {
    if (ProgressPrinter* printer = active_printer().load()) printer->log(level, line);
}

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

/// Whether pieces of a model's engine are counted.
bool counts_pieces(const Progress& progress) {
    return progress.phase == Phase::building && progress.pieces_done < progress.pieces_total;
}

/// Words for the phases in which nothing is counted; empty for the others.
std::string phase_words(const Progress& progress) {
    if (counts_pieces(progress)) return "";
    switch (progress.phase) {
        case Phase::planning:
            return "reading the input";
        case Phase::building:
            return fmt::format("{} the model's engine, {}", progress.pieces_total > 0 ? "checking" : "building",
                               render_duration(progress.building_seconds));
        case Phase::joining:
            return "joining the segments";
        case Phase::running:
        case Phase::done:
            break;
    }
    return "";
}

/// What a bar counts.
struct Count {
    std::int64_t done = 0;
    std::int64_t total = 0;  ///< 0 or less: not known
    const char* of = "frames";
};

Count count_of(const Progress& progress) {
    if (counts_pieces(progress)) return {progress.pieces_done, progress.pieces_total, "layers"};
    return {progress.frames_done, progress.frames_total};
}

/// 0 to 1; negative when unknown.
double fraction_of(const Count& count) {
    if (count.total <= 0) return -1;
    return std::clamp(static_cast<double>(count.done) / static_cast<double>(count.total), 0.0, 1.0);
}

/// Never 100 before all frames are done.
int percent_of(double fraction) { return static_cast<int>(std::floor(fraction * 100)); }

std::string text_of(const Count& count) {
    return count.total > 0 ? fmt::format("{}/{}", count.done, count.total) : fmt::format("{}", count.done);
}

/// Padded, so that the bar keeps its length while the count grows.
std::string padded_text_of(const Count& count) {
    if (count.total <= 0) return fmt::format("{} {}", count.done, count.of);
    const std::string total = fmt::format("{}", count.total);
    return fmt::format("{:{}}/{}", count.done, total.size(), total);
}

/// What stands right of the bar, most wanted first.
std::vector<std::string> facts_of(const Progress& progress) {
    if (counts_pieces(progress)) return {"plans of layers chosen", render_duration(progress.building_seconds)};
    std::vector<std::string> facts;
    if (progress.fps > 0) facts.push_back(fmt::format("{:.1f} fps", progress.fps));
    if (progress.seconds_left >= 0) facts.push_back(render_duration(progress.seconds_left) + " left");
    if (!progress.limiting_stage.empty()) facts.push_back(progress.limiting_stage + " limits");
    if (progress.frames_reused > 0) facts.push_back(fmt::format("{} done before", progress.frames_reused));
    return facts;
}

/// The bar itself, `width` columns, to half a column where the character set has halves.
std::string gauge(double fraction, int width, const BarStyle& style) {
    const bool unicode = style.charset == Charset::unicode;
    const int halves = static_cast<int>(fraction * width * 2);
    const int full = halves / 2;
    const bool half = unicode && halves % 2 == 1;
    std::string filled;
    for (int i = 0; i < full; ++i) filled += unicode ? "━" : "=";
    if (half) filled += "╸";
    if (!unicode && full < width) filled += ">";
    const int rest = width - full - (half || (!unicode && full < width) ? 1 : 0);
    std::string empty;
    for (int i = 0; i < rest; ++i) empty += unicode ? "─" : "-";
    return painted(style.colors, "36", filled) + painted(style.colors, "2", empty);
}

}  // namespace

std::string render_duration(double seconds) {
    constexpr double longest = 359999;
    if (!(seconds >= 0)) return "?";
    const auto total = static_cast<std::int64_t>(std::llround(std::min(seconds, longest)));
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 3600;
    if (total >= hour) return fmt::format("{}:{:02}:{:02}", total / hour, total / minute % minute, total % minute);
    return fmt::format("{}:{:02}", total / minute, total % minute);
}

std::string render_bar(const Progress& progress, const BarStyle& style) {
    const int room = style.columns - 1;
    if (const std::string words = phase_words(progress); !words.empty()) {
        return words.substr(0, static_cast<std::size_t>(std::max(room, 0)));
    }
    const Count count = count_of(progress);
    const double fraction = fraction_of(count);
    const std::string head = fraction < 0 ? std::string() : fmt::format("{:3}% ", percent_of(fraction));
    std::string tail = padded_text_of(count);
    constexpr int least_gauge = 8;
    constexpr int widest_gauge = 40;
    const int reserved = fraction < 0 ? 0 : least_gauge + 1;
    for (const std::string& fact : facts_of(progress)) {
        if (static_cast<int>(head.size() + tail.size() + 2 + fact.size()) + reserved > room) break;
        tail += "  " + fact;
    }
    if (fraction < 0) return tail;
    const int left = room - static_cast<int>(head.size() + tail.size()) - 1;
    if (left < 1) return head + tail;
    return head + gauge(fraction, std::min(left, widest_gauge), style) + " " + tail;
}

std::string render_line(const Progress& progress) {
    if (std::string words = phase_words(progress); !words.empty()) return words;
    const Count count = count_of(progress);
    const double fraction = fraction_of(count);
    std::string text = fmt::format("{} {}", text_of(count), count.of);
    if (fraction >= 0) text += fmt::format(" ({}%)", percent_of(fraction));
    for (const std::string& fact : facts_of(progress)) text += ", " + fact;
    return text;
}

std::string log_line(Colors colors, core::log::Level level, std::string_view line) {
    using core::log::Level;
    std::string kind;
    if (level == Level::error) kind = painted(colors, "1;31", "error:") + " ";
    if (level == Level::warning) kind = painted(colors, "1;33", "warning:") + " ";
    if (level == Level::debug) kind = "debug: ";
    return fmt::format("millrace: {}{}", kind, line);
}

ProgressPrinter::ProgressPrinter(const Terminal& terminal, bool shown)
    : terminal_(terminal), shown_(shown), last_line_(Clock::now()) {
    active_printer().store(this);
    core::log::set_writer(&write_through_printer);
}

ProgressPrinter::~ProgressPrinter() {
    finish();
    core::log::set_writer(nullptr);
    active_printer().store(nullptr);
}

void ProgressPrinter::clear() {
    if (!bar_.empty()) put("\r\x1b[K");
}

void ProgressPrinter::draw() {
    if (!bar_.empty()) put("\r" + bar_ + "\x1b[K");
    std::fflush(stderr);
}

void ProgressPrinter::update(const Progress& progress) noexcept {
    try {
        const std::scoped_lock lock(mutex_);
        if (!shown_ || finished_) return;
        if (terminal_.interactive) {
            if (progress.phase == Phase::done) return;
            bar_ = render_bar(progress, {terminal_columns(STDERR_FILENO), terminal_.colors, terminal_.charset});
            draw();
            return;
        }
        const auto now = Clock::now();
        const bool lasting = progress.phase == Phase::running || progress.phase == Phase::building;
        if (!lasting || now - last_line_ < line_interval) return;
        last_line_ = now;
        put(log_line(Colors::off, core::log::Level::info, render_line(progress)) + "\n");
    } catch (...) {  // NOLINT(bugprone-empty-catch): progress is never worth a failure
    }
}

void ProgressPrinter::finish() noexcept {
    try {
        const std::scoped_lock lock(mutex_);
        clear();
        bar_.clear();
        finished_ = true;
        std::fflush(stderr);
    } catch (...) {  // NOLINT(bugprone-empty-catch): as above
    }
}

void ProgressPrinter::log(core::log::Level level, std::string_view line) noexcept {
    try {
        const std::scoped_lock lock(mutex_);
        clear();
        put(log_line(terminal_.colors, level, line) + "\n");
        draw();
    } catch (...) {  // NOLINT(bugprone-empty-catch): as above
    }
}

}  // namespace millrace::app
