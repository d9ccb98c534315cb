#pragma once
// Logging facade. The app sets level and sink once, before any thread starts; everyone else only writes.

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace millrace::core::log {

enum class Level { quiet, error, warning, info, debug };

/// Messages above this level are dropped. Default: info. Thread-safe.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

/// One line to the log (standard error by default). Thread-safe, never throws.
void write(Level level, std::string_view line) noexcept;

/// Where lines go instead of standard error: the progress bar needs to clear its line first. nullptr restores.
using Writer = void (*)(Level level, std::string_view line);
void set_writer(Writer writer);

template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::error)) write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::warning)) write(Level::warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::info)) write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::debug)) write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace millrace::core::log
