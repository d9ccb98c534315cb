#include "core/log.h"

#include <atomic>
#include <cstdio>
#include <string>

namespace millrace::core::log {

namespace {

std::atomic<Level>& level() {
    static std::atomic<Level> value{Level::info};
    return value;
}

std::atomic<Writer>& writer() {
    static std::atomic<Writer> value{nullptr};
    return value;
}

const char* prefix(Level level) {
    switch (level) {
        case Level::error:
            return "error: ";
        case Level::warning:
            return "warning: ";
        case Level::debug:
            return "debug: ";
        case Level::info:
        case Level::quiet:
            break;
    }
    return "";
}

}  // namespace

void set_level(Level value) { level().store(value); }

bool enabled(Level value) { return value != Level::quiet && value <= level().load(); }

void set_writer(Writer value) { writer().store(value); }

void write(Level value, std::string_view line) noexcept {
    if (!enabled(value)) return;
    try {
        if (Writer target = writer().load()) {
            target(value, line);
            return;
        }
        // One fwrite a line, so that lines of several threads do not mix.
        std::string text = prefix(value);
        text.append(line).push_back('\n');
        std::fwrite(text.data(), 1, text.size(), stderr);
    } catch (...) {  // NOLINT(bugprone-empty-catch): a log line is never worth a failure
    }
}

}  // namespace millrace::core::log
