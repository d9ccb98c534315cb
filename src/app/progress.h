#pragma once
// How far a run is: a bar on a terminal, a line every few seconds elsewhere.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "app/terminal.h"
#include "core/log.h"
#include "millrace/engine.h"

namespace millrace::app {

struct BarStyle {
    int columns = 80;  ///< the bar takes one less, so that no terminal wraps it
    Colors colors = Colors::off;
    Charset charset = Charset::unicode;
};

/// One line for a terminal, without line feed: " 62% ━━━━━━╸──── 93/150  4.1 fps  0:14 left  model limits". What does
/// not fit is left out, the last words first.
[[nodiscard]] std::string render_bar(const Progress& progress, const BarStyle& style);

/// The same in words, for logs: "93/150 frames (62%), 4.1 fps, 0:14 left, model limits".
[[nodiscard]] std::string render_line(const Progress& progress);

/// "0:14", "12:05", "1:02:03"; "?" when unknown (negative).
[[nodiscard]] std::string render_duration(double seconds);

/// Writes progress and log lines to standard error so that they do not tear each other. While one exists, the log goes
/// through it; there is at most one at a time. Thread-safe. Never throws after construction.
class ProgressPrinter {
  public:
    /// hidden: log lines only.
    ProgressPrinter(const Terminal& terminal, bool shown);
    ProgressPrinter(const ProgressPrinter&) = delete;
    ProgressPrinter& operator=(const ProgressPrinter&) = delete;
    ProgressPrinter(ProgressPrinter&&) = delete;
    ProgressPrinter& operator=(ProgressPrinter&&) = delete;
    /// Takes the bar away.
    ~ProgressPrinter();

    void update(const Progress& progress) noexcept;
    /// Takes the bar away; later updates are ignored.
    void finish() noexcept;
    void log(core::log::Level level, std::string_view line) noexcept;

  private:
    void clear();
    void draw();

    using Clock = std::chrono::steady_clock;
    Terminal terminal_;
    bool shown_;
    std::mutex mutex_;
    std::string bar_;  ///< what stands on the terminal's last line; empty: nothing
    Clock::time_point last_line_;
    bool finished_ = false;
};

/// "millrace: warning: LINE", with colour where the terminal has it; what every line on standard error looks like.
[[nodiscard]] std::string log_line(Colors colors, core::log::Level level, std::string_view line);

}  // namespace millrace::app
