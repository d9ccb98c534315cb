#pragma once
// What a command line asks for. Plain data; nothing has been done yet.

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/log.h"
#include "millrace/engine.h"
#include "millrace/job.h"

namespace millrace::app {

/// What is printed on standard output: tables for people, or JSON for programs.
enum class Format { text, json };

/// Whether a run shows how far it is.
enum class ProgressDisplay { shown, hidden };

/// Of every command.
struct Common {
    core::log::Level level = core::log::Level::info;
    Format format = Format::text;
    ProgressDisplay progress = ProgressDisplay::shown;
};

struct RunCommand {
    Job job;
    std::string report_path;  ///< empty: no report file
    std::string trace_path;   ///< empty: no trace
};

struct ProbeCommand {
    Job job;
};

struct BenchCommand {
    Job job;
    std::string report_path;  ///< the table as JSON; empty: none
};

struct TuneCommand {
    Job job;
    TuneOptions options;
    std::string report_path;  ///< the result as JSON; empty: none
    std::string plot_path;    ///< the curve as SVG; empty: none
};

struct ModelShowCommand {
    ModelOptions model;
    std::string device;
};

struct ScriptCheckCommand {
    ScriptOptions script;
    std::optional<int> batch;
    std::optional<std::array<int, 2>> size;  ///< of the video that is made up
};

struct DevicesCommand {
    std::string runtime_library;
};

struct VersionCommand {};

/// Help, a completion script, the manual page: text that needs no engine.
struct TextCommand {
    std::string text;
};

using Action = std::variant<RunCommand, ProbeCommand, BenchCommand, TuneCommand, ModelShowCommand, ScriptCheckCommand,
                            DevicesCommand, VersionCommand, TextCommand>;

struct CommandLine {
    Common common;
    Action action;
};

/// From arguments (without the program's name) to a command. No side effects: no file is looked at, nothing is printed.
/// Throws core::Error(usage) with one line that names the option, what it expected, what it found, and where an option
/// or command is unknown, the nearest known one.
[[nodiscard]] CommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace millrace::app
