#include "app/program.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/answers.h"
#include "app/layer_text.h"
#include "app/progress.h"
#include "app/script_check.h"
#include "app/signals.h"
#include "app/summary.h"
#include "app/terminal.h"
#include "app/tune_text.h"
#include "core/error.h"
#include "millrace/engine.h"

namespace millrace::app {

namespace {

constexpr int failed = 1;
constexpr int reader_left = 141;  ///< as a shell reports a program that SIGPIPE ended

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_line(const std::string& text) { print(text.ends_with('\n') ? text : text + "\n"); }

void write_file(const std::string& path, const std::string& text, std::string_view what) {
    std::FILE* file = std::fopen(path.c_str(), "wbe");
    const bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool closed = file != nullptr && std::fclose(file) == 0;
    if (!written || !closed) {
        throw core::Error(core::ErrorCode::failed, fmt::format("{}: cannot write the {}: {}", path, what,
                                                               std::generic_category().message(errno)));
    }
}

/// Found out before the work, not after it.
void check_folder_of(const std::string& path, std::string_view option) {
    if (path.empty()) return;
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{} {}: there is no folder '{}'; make it first", option, path, folder.string()));
    }
}

/// What one command line needs while it works.
struct Context {
    Common common;
    Terminal err;
};

bool shows_progress(const Context& context) {
    return context.common.progress == ProgressDisplay::shown && core::log::enabled(core::log::Level::info);
}

/// With the interruption's own message, and the exit code that belongs to the signal.
int report_interruption(const Context& context, const core::Error& error, int signal);

void tell_result(const Context& context, const Report& report) {
    if (context.common.format == Format::json) {
        print_line(to_json(report));
    } else if (core::log::enabled(core::log::Level::info)) {
        const std::string text = render_summary(report);
        std::fwrite(text.data(), 1, text.size(), stderr);
    } else {
        for (const std::string& line : report.fallbacks) core::log::warning("fell back: {}", line);
    }
}

int execute(Context& context, RunCommand& command) {
    check_folder_of(command.report_path, "--report");
    check_folder_of(command.trace_path, "--trace");
    if (command.job.output.path == "-" && isatty(STDOUT_FILENO) == 1) {
        throw core::Error(core::ErrorCode::usage, "-o -: standard output is a terminal; send it to a file or a pipe");
    }
    find_what_a_run_needs(command.job);
    const SignalCatcher signals;
    ProgressPrinter printer(context.err, shows_progress(context));
    try {
        const Report report =
            run(command.job, [&printer](const Progress& progress) { printer.update(progress); }, signals.token());
        printer.finish();
        if (!command.report_path.empty()) write_file(command.report_path, to_json(report), "report");
        if (!command.trace_path.empty()) write_file(command.trace_path, report.trace_json, "trace");
        tell_result(context, report);
        return 0;
    } catch (const core::Error& error) {
        printer.finish();
        if (error.code() != core::ErrorCode::interrupted || signals.received() == 0) throw;
        return report_interruption(context, error, signals.received());
    }
}

int execute(Context& context, ProbeCommand& command) {
    find_what_models_need(command.job.model);
    const std::string json = probe_json(command.job);
    print_line(context.common.format == Format::json ? json : render_probe(json));
    return 0;
}

/// Measures until it is done, or a signal comes: `work` is told where to say what it does, and returns JSON.
template <class Work>
int measure(Context& context, const std::string& report_path, std::string (*render)(const std::string&), Work work) {
    check_folder_of(report_path, "--report");
    const SignalCatcher signals;
    const bool shown = shows_progress(context);
    const auto step = [shown](const std::string& line) {
        if (shown) core::log::info("{}", line);
    };
    try {
        const std::string json = work(step, signals.token());
        if (!report_path.empty()) write_file(report_path, json, "report");
        print_line(context.common.format == Format::json ? json : render(json));
        return 0;
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::interrupted || signals.received() == 0) throw;
        return report_interruption(context, error, signals.received());
    }
}

int execute(Context& context, BenchCommand& command) {
    if (!command.job.model.path.empty()) find_what_models_need(command.job.model);
    return measure(context, command.report_path, render_bench,
                   [&command](const auto& step, const auto& stop) { return bench_json(command.job, step, stop); });
}

int execute(Context& context, TuneCommand& command) {
    check_folder_of(command.plot_path, "--plot");
    find_what_models_need(command.job.model);
    return measure(context, command.report_path, render_tune, [&command](const auto& step, const auto& stop) {
        std::string json = tune_json(command.job, command.options, step, stop);
        if (!command.plot_path.empty()) write_file(command.plot_path, plot_tune(json), "curve");
        return json;
    });
}

int execute(Context& context, ModelShowCommand& command) {
    find_what_models_need(command.model);
    const auto render = [](const std::string& json) {
        const bool plans = core::log::enabled(core::log::Level::debug);
        return render_model(json) + render_layers(json, plans ? Plans::shown : Plans::hidden);
    };
    return measure(context, "", +render, [&command](const auto& step, const auto& stop) {
        return show_model_json(command.model, {command.device, step, stop});
    });
}

int execute(Context& context, ScriptCheckCommand& command) { become_script_check(command, context.common.format); }

int execute(Context& context, DevicesCommand& command) {
    const std::string json = devices_json(find_runtime_library(command.runtime_library));
    print_line(context.common.format == Format::json ? json : render_devices(json));
    return 0;
}

int execute(Context& context, VersionCommand&) {
    const std::string json = versions_json();
    print_line(context.common.format == Format::json ? json : render_versions(json));
    return 0;
}

int execute(Context&, TextCommand& command) {
    print(command.text);
    return 0;
}

void print_error_json(std::string_view code, std::string_view message, int exit_code) {
    const nlohmann::ordered_json document = {
        {"error", {{"code", code}, {"message", message}, {"exit_code", exit_code}}}};
    print_line(document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int report_error(const Context& context, std::string_view code, std::string_view message, int exit_code) {
    if (core::log::enabled(core::log::Level::error)) {
        const std::string line = log_line(context.err.colors, core::log::Level::error, message) + "\n";
        std::fwrite(line.data(), 1, line.size(), stderr);
    }
    if (context.common.format == Format::json) print_error_json(code, message, exit_code);
    return exit_code;
}

int report_interruption(const Context& context, const core::Error& error, int signal) {
    constexpr int signalled = 128;
    if (core::log::enabled(core::log::Level::error)) {
        const std::string line = log_line(context.err.colors, core::log::Level::info, error.what()) + "\n";
        std::fwrite(line.data(), 1, line.size(), stderr);
    }
    if (context.common.format == Format::json) {
        print_error_json(core::name(error.code()), error.what(), signalled + signal);
    }
    return signalled + signal;
}

int run_command(const std::vector<std::string>& arguments, Context& context) {
    try {
        CommandLine command = parse_command_line(arguments);
        context.common = command.common;
        core::log::set_level(command.common.level);
        const int code = std::visit([&context](auto& action) { return execute(context, action); }, command.action);
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
            // The reader of a pipe has seen enough: `millrace probe in.mp4 | head`.
            if (errno == EPIPE) return reader_left;
            throw core::Error(core::ErrorCode::failed,
                              fmt::format("standard output: cannot write: {}", std::generic_category().message(errno)));
        }
        return code;
    } catch (const core::Error& error) {
        return report_error(context, core::name(error.code()), error.what(), core::exit_code(error.code()));
    } catch (const std::bad_alloc&) {
        return report_error(context, "out_of_memory", "out of memory; --memory and --lanes lower what is in flight",
                            failed);
    } catch (const std::exception& error) {
        return report_error(context, "failed", fmt::format("unexpected: {}", error.what()), failed);
    }
}

}  // namespace

void prepare_process() {
    // Frames come and go by the hundred: above this size the kernel gets them back at once, and few arenas keep what is
    // below. Otherwise memory grows with the length of a file (bench/engine/ratios.py has the figure).
    constexpr int frame_bytes = 1 << 20;
    constexpr int arenas = 2;
    ::mallopt(M_MMAP_THRESHOLD, frame_bytes);
    ::mallopt(M_ARENA_MAX, arenas);
    // SVT-AV1 writes banners to standard error; 1 leaves it its errors. Not over the user's.
    ::setenv("SVT_LOG", "1", 0);  // NOLINT(concurrency-mt-unsafe)
}

int run_program(int argc, const char* const* argv) noexcept {
    try {
        // A reader that goes away is an error of the write that finds out, so that a journal is left in order.
        (void)std::signal(SIGPIPE, SIG_IGN);
        const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
        Context context{{}, inspect_terminal(STDERR_FILENO)};
        // An error in the line itself is told as JSON too, where JSON is asked for.
        if (std::ranges::find(arguments, "--json") != arguments.end()) context.common.format = Format::json;
        return run_command(arguments, context);
    } catch (...) {
        return failed;
    }
}

}  // namespace millrace::app
