#pragma once
// "Did you mean": the nearest known word, and what to write instead of FFmpeg options that are not options here.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "app/options.h"

namespace millrace::app {

/// Least number of insertions, deletions, substitutions and swaps of neighbours that make `b` of `a` (optimal string
/// alignment distance).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word that is nearest to `word`, where it is near enough to be meant; empty otherwise.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> known);

/// The end of a message on an option that `command` does not have: "; did you mean -preset?", "; write -e g=250", or
/// where the options are listed.
[[nodiscard]] std::string advice_for_unknown_option(CommandId command, std::string_view spelling);

}  // namespace millrace::app
