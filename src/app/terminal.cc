#include "app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace millrace::app {

std::string environment(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

namespace {

bool has_unicode_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string value = environment(name);
        if (value.empty()) continue;
        return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos ||
               value.find("UTF8") != std::string::npos || value.find("utf-8") != std::string::npos;
    }
    return false;
}

}  // namespace

Terminal inspect_terminal(int fd) {
    Terminal terminal;
    terminal.charset = has_unicode_locale() ? Charset::unicode : Charset::ascii;
    const std::string kind = environment("TERM");
    terminal.interactive = isatty(fd) == 1 && kind != "dumb" && !kind.empty();
    if (terminal.interactive && environment("NO_COLOR").empty()) terminal.colors = Colors::on;
    return terminal;
}

int terminal_columns(int fd) {
    constexpr int fallback = 80;
    constexpr int least = 20;
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= least) return size.ws_col;
    const std::string text = environment("COLUMNS");
    int columns = 0;
    std::from_chars(text.data(), text.data() + text.size(), columns);
    return columns >= least ? columns : fallback;
}

std::string painted(Colors colors, const char* code, const std::string& text) {
    if (colors == Colors::off) return text;
    return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

}  // namespace millrace::app
