// The command line: any words give a command or a usage error of one printable line, and nothing else.
// The input is the arguments, each ended by a line feed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/command_line.h"
#include "core/error.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> arguments(1);
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\n') {
            arguments.emplace_back();
        } else {
            arguments.back().push_back(static_cast<char>(data[i]));
        }
    }
    if (arguments.back().empty()) arguments.pop_back();
    try {
        (void)millrace::app::parse_command_line(arguments);
    } catch (const millrace::core::Error& error) {
        if (error.code() != millrace::core::ErrorCode::usage) std::abort();
        for (const char* c = error.what(); *c != '\0'; ++c) {
            if (static_cast<unsigned char>(*c) < ' ') std::abort();
        }
    }
    return 0;
}
