#pragma once
// The table of all options. Parsing, help, completion and the manual page are made from it.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/command_line.h"

namespace millrace::app {

enum class CommandId : std::uint8_t { run, probe, bench, tune, model_show, script_check, devices, completion, man };

/// A command as help and completion show it.
struct CommandInfo {
    CommandId id;
    std::string_view words;     ///< "model show"
    std::string_view summary;   ///< one line
    std::string_view examples;  ///< lines, without indentation
    std::string_view operand;   ///< what stands without an option: "FILE"; empty: nothing does
};

/// What the options of one command line are written into.
struct Draft {
    Common common;
    Job job;
    std::optional<Precision> precision;  ///< by --precision
    bool half = false;                   ///< by --fp16
    std::string report_path;
    std::string trace_path;
    TuneOptions tune;
    std::string plot_path;
    std::optional<std::array<int, 2>> size;  ///< width, height of frames that are made up
};

/// often: in --help. seldom: in --help-all and the manual too.
enum class Use : std::uint8_t { often, seldom };

/// once: the last one given counts. many: all do.
enum class Times : std::uint8_t { once, many };

struct Option {
    std::string_view name;       ///< long name without dashes: "pixel-format"
    std::string_view spellings;  ///< others, with dashes, separated by spaces: "-pix_fmt"
    std::string_view value;      ///< what the value is called: "NAME", "N"; empty: a flag
    std::string_view values;     ///< "a|b|c": exactly these; empty: any
    std::string_view help;
    std::string_view group;
    unsigned commands;  ///< bits, 1 << CommandId
    unsigned often;     ///< the commands that show it in --help
    Times times;
    /// `value` is what follows the option; empty for a flag. Throws core::Error(usage).
    void (*apply)(Draft& draft, const std::string& value);

    [[nodiscard]] bool of(CommandId command) const { return (commands >> static_cast<unsigned>(command) & 1U) != 0; }
    [[nodiscard]] bool shown_in(CommandId command, Use use) const {
        return of(command) && (use == Use::seldom || (often >> static_cast<unsigned>(command) & 1U) != 0);
    }
    [[nodiscard]] bool takes_value() const { return !value.empty(); }
    [[nodiscard]] std::vector<std::string_view> choices() const;
    /// "-crf" for people; "--lanes" where there is no short spelling.
    [[nodiscard]] std::string display_name() const;
    /// All spellings: "-pix_fmt", "--pixel-format".
    [[nodiscard]] std::vector<std::string> all_spellings() const;
};

[[nodiscard]] std::span<const Option> options();
[[nodiscard]] std::span<const CommandInfo> commands();
[[nodiscard]] const CommandInfo& command_info(CommandId command);

/// The option that `spelling` ("-crf", "--crf") names in a command; nullptr: none.
[[nodiscard]] const Option* find_option(CommandId command, std::string_view spelling);

/// Words separated by `separator`, empty ones left out.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace millrace::app
