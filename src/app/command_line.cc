#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/command_line.h"
#include "app/help.h"
#include "app/option_setters.h"
#include "app/options.h"
#include "app/spelling.h"
#include "app/values.h"
#include "core/error.h"

namespace millrace::app {

namespace {

using Arguments = std::vector<std::string>;

[[noreturn]] void wrong(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
}

[[noreturn]] void unknown_command(const std::string& word) {
    if (word.starts_with("-")) {
        wrong(fmt::format("the command comes first, then its options, found '{}'; did you mean 'millrace run {} ...'?",
                          shown(word), shown(word)));
    }
    Arguments known;
    for (const CommandInfo& command : commands()) known.emplace_back(command.words.substr(0, command.words.find(' ')));
    const std::string meant = nearest(word, known);
    wrong(fmt::format("no command is called '{}'{}", shown(word),
                      meant.empty() ? "; 'millrace --help' lists them" : "; did you mean '" + meant + "'?"));
}

struct Selected {
    CommandId command;
    std::size_t words;  ///< that its name takes
};

Selected select_command(const Arguments& arguments) {
    const std::string& first = arguments.front();
    if (first == "model") {
        if (arguments.size() > 1 && arguments[1] == "show") return {CommandId::model_show, 2};
        if (arguments.size() > 1 && is_one_of(arguments[1], {"-h", "--help", "-help", "--help-all"})) {
            return {CommandId::model_show, 1};
        }
        wrong(fmt::format("model: expected 'model show FILE', found '{}'",
                          arguments.size() > 1 ? shown("model " + arguments[1]) : "model"));
    }
    if (first == "script") {
        if (arguments.size() > 1 && arguments[1] == "check") return {CommandId::script_check, 2};
        if (arguments.size() > 1 && is_one_of(arguments[1], {"-h", "--help", "-help", "--help-all"})) {
            return {CommandId::script_check, 1};
        }
        wrong(fmt::format("script: expected 'script check FILE', found '{}'",
                          arguments.size() > 1 ? shown("script " + arguments[1]) : "script"));
    }
    for (const CommandInfo& command : commands()) {
        if (command.words == first) return {command.id, 1};
    }
    unknown_command(first);
}

/// One option of the command line with its value, or an operand (option nullptr).
struct Item {
    const Option* option = nullptr;
    std::string value;
};

/// Walks over arguments that belong to one command.
class Walker {
  public:
    Walker(CommandId command, const Arguments& arguments, std::size_t at)
        : command_(command), arguments_(arguments), at_(at) {}

    /// nullopt at the end.
    std::optional<Item> next() {
        if (at_ == arguments_.size()) return std::nullopt;
        const std::string& word = arguments_[at_++];
        if (!only_operands_ && word == "--") {
            only_operands_ = true;
            return next();
        }
        if (only_operands_ || word.size() < 2 || word.front() != '-') return Item{nullptr, word};
        return option_item(word);
    }

  private:
    Item option_item(const std::string& word) {
        const std::size_t equals = word.find('=');
        const std::string spelling = word.substr(0, equals);
        const Option* option = find_option(command_, spelling);
        if (option == nullptr) {
            wrong(fmt::format("unknown option '{}'{}", shown(spelling), advice_for_unknown_option(command_, spelling)));
        }
        if (!option->takes_value()) {
            if (equals != std::string::npos) wrong(fmt::format("{} takes no value, found '{}'", spelling, shown(word)));
            return {option, ""};
        }
        return {option, equals == std::string::npos ? following_value(*option, spelling) : word.substr(equals + 1)};
    }

    std::string following_value(const Option& option, const std::string& spelling) {
        if (at_ == arguments_.size()) wrong(fmt::format("{} needs a value: {} {}", spelling, spelling, option.value));
        const std::string& value = arguments_[at_];
        const std::string name = value.substr(0, value.find('='));
        if (name.size() > 1 && find_option(command_, name) != nullptr) {
            wrong(fmt::format("{} needs a value: {} {}, found the option '{}' (a file of that name is ./{})", spelling,
                              spelling, option.value, shown(value), shown(value)));
        }
        ++at_;
        return value;
    }

    CommandId command_;
    const Arguments& arguments_;
    std::size_t at_;
    bool only_operands_ = false;
};

void apply(Draft& draft, const Item& item) {
    const Option& option = *item.option;
    if (option.takes_value() && item.value.empty()) {
        wrong(fmt::format("{} needs a value: {} {}", option.display_name(), option.display_name(), option.value));
    }
    const auto choices = option.choices();
    if (!choices.empty() && std::ranges::find(choices, item.value) == choices.end()) {
        wrong(fmt::format("{}: expected {}, found '{}'", option.display_name(), fmt::join(choices, ", "),
                          shown(item.value)));
    }
    option.apply(draft, item.value);
}

void apply_operand(CommandId command, Draft& draft, const std::string& value) {
    if (value.empty()) wrong("found an empty argument");
    if (command == CommandId::script_check) return set::script(draft, value);
    std::string* target = command == CommandId::probe        ? &draft.job.input.path
                          : command == CommandId::model_show ? &draft.job.model.path
                                                             : nullptr;
    if (target == nullptr) {
        const bool file = find_option(command, "-i") != nullptr;
        wrong(
            fmt::format("unexpected '{}'{}", shown(value), file ? "; input and output are named with -i and -o" : ""));
    }
    if (!target->empty()) {
        wrong(fmt::format("expected one file, found '{}' and '{}'", shown(*target), shown(value)));
    }
    *target = value;
}

void need(const std::string& value, std::string_view command, std::string_view what) {
    if (value.empty()) wrong(fmt::format("{} needs {}; see 'millrace {} --help'", command, what, command));
}

void check_output(const Draft& draft) {
    const OutputOptions& output = draft.job.output;
    if (output.crf && output.bit_rate) wrong("-crf and -b:v exclude each other: a constant quality, or a bit rate");
    if (output.path == "-" && draft.common.format == Format::json) {
        wrong("--json and -o - both write to standard output; write the report to a file with --report FILE");
    }
}

void check_model(const Draft& draft) {
    const ModelOptions& model = draft.job.model;
    if (!model.path.empty()) return;
    if (!model.settings.empty()) {
        wrong(fmt::format("the model setting '{}' needs a model (-m FILE)", shown(model.settings.begin()->first)));
    }
    if (model.batch && draft.job.script.path.empty()) {
        wrong("--batch needs a model (-m FILE) or a script (--script FILE)");
    }
}

/// Of a job with a script: what would be passed over.
void check_no_model_options(const Draft& draft) {
    const ModelOptions& model = draft.job.model;
    if (model.workers) {
        wrong("--model-workers is for models (-m FILE); --script-workers N has N processes run the script");
    }
    const char* const other = model.threads                              ? "--model-threads"
                              : draft.half                               ? "--fp16"
                              : draft.precision                          ? "--precision"
                              : model.runtime != ModelRuntime::automatic ? "--runtime"
                              : !model.engine_cache.empty()              ? "--engine-cache"
                                                                         : nullptr;
    if (other != nullptr) wrong(fmt::format("{} is for models (-m FILE), and --script is given; leave it out", other));
}

void check_script(const Draft& draft) {
    const ScriptOptions& script = draft.job.script;
    if (!script.path.empty() && !draft.job.model.path.empty()) {
        wrong(fmt::format(
            "-m and --script exclude each other: frames go through the model '{}' or through the script '{}'",
            shown(draft.job.model.path), shown(script.path)));
    }
    if (!script.path.empty()) return check_no_model_options(draft);
    if (script == ScriptOptions{}) return;
    wrong(fmt::format("{} needs a script (--script FILE)", !script.settings.empty() ? "--set"
                                                           : !script.python.empty() ? "--python"
                                                           : script.workers         ? "--script-workers"
                                                                                    : "--script-timeout"));
}

void settle_precision(Draft& draft) {
    if (draft.half && draft.precision.value_or(Precision::fp16) != Precision::fp16) {
        wrong("--fp16 is --precision fp16, and another --precision is given; leave out one of the two");
    }
    if (draft.half) draft.precision = Precision::fp16;
    if (draft.precision) draft.job.model.precision = *draft.precision;
}

ScriptCheckCommand script_check_of(const Draft& draft) { return {draft.job.script, draft.job.model.batch, draft.size}; }

Action action_of(CommandId command, const Draft& draft) {
    switch (command) {
        case CommandId::run:
            // A script may make its frames itself.
            if (draft.job.script.path.empty()) need(draft.job.input.path, "run", "an input (-i FILE)");
            need(draft.job.output.path, "run", "an output (-o FILE)");
            check_output(draft);
            check_script(draft);
            check_model(draft);
            return RunCommand{draft.job, draft.report_path, draft.trace_path};
        case CommandId::probe:
            need(draft.job.input.path, "probe", "a file");
            check_model(draft);
            return ProbeCommand{draft.job};
        case CommandId::bench:
            need(draft.job.input.path, "bench", "an input (-i FILE)");
            check_output(draft);
            check_model(draft);
            return BenchCommand{draft.job, draft.report_path};
        case CommandId::tune:
            need(draft.job.input.path, "tune", "an input (-i FILE)");
            need(draft.job.model.path, "tune", "a model (-m FILE)");
            check_output(draft);
            return TuneCommand{draft.job, draft.tune, draft.report_path, draft.plot_path};
        case CommandId::model_show:
            need(draft.job.model.path, "model show", "a model");
            return ModelShowCommand{draft.job.model, draft.job.run.device};
        case CommandId::script_check:
            need(draft.job.script.path, "script check", "a script");
            return script_check_of(draft);
        case CommandId::devices:
            return DevicesCommand{draft.job.model.runtime_library};
        case CommandId::completion:
        case CommandId::man:
            break;
    }
    return TextCommand{man_page()};
}

/// Help may be asked for anywhere on the line, also on one that is wrong otherwise.
std::optional<std::string> asked_help(CommandId command, const Arguments& arguments, std::size_t at) {
    for (std::size_t i = at; i < arguments.size() && arguments[i] != "--"; ++i) {
        if (arguments[i] == "--help-all") return command_help(command, Use::seldom);
        if (is_one_of(arguments[i], {"-h", "--help", "-help"})) return command_help(command, Use::often);
    }
    return std::nullopt;
}

CommandLine parse_completion(const Arguments& arguments) {
    if (arguments.size() != 2) wrong("completion: expected a shell: bash, zsh or fish");
    return {{}, TextCommand{completion_script(arguments[1])}};
}

}  // namespace

CommandLine parse_command_line(const Arguments& arguments) {
    if (arguments.empty() || is_one_of(arguments[0], {"-h", "--help", "-help", "help", "--help-all"})) {
        return {{}, TextCommand{program_help()}};
    }
    if (is_one_of(arguments[0], {"--version", "-version", "version", "-V"})) {
        CommandLine version{{}, VersionCommand{}};
        if (arguments.size() > 1 && arguments[1] == "--json") version.common.format = Format::json;
        return version;
    }
    const Selected selected = select_command(arguments);
    if (auto help = asked_help(selected.command, arguments, selected.words)) return {{}, TextCommand{*help}};
    if (selected.command == CommandId::completion) return parse_completion(arguments);

    Draft draft;
    Walker walker(selected.command, arguments, selected.words);
    while (const auto item = walker.next()) {
        if (item->option != nullptr) {
            apply(draft, *item);
        } else {
            apply_operand(selected.command, draft, item->value);
        }
    }
    settle_precision(draft);
    return {draft.common, action_of(selected.command, draft)};
}

}  // namespace millrace::app
