#pragma once
// Texts made from the table of options: help, the manual page, completion scripts.

#include <string>
#include <string_view>

#include "app/options.h"

namespace millrace::app {

/// `millrace --help`.
[[nodiscard]] std::string program_help();

/// `millrace COMMAND --help`: examples first, then the options that are used often; with `least` seldom, all of them.
[[nodiscard]] std::string command_help(CommandId command, Use least);

/// The manual page, roff with the man macros.
[[nodiscard]] std::string man_page();

/// A completion script. `shell`: "bash", "zsh" or "fish"; throws core::Error(usage) for another.
[[nodiscard]] std::string completion_script(std::string_view shell);

}  // namespace millrace::app
