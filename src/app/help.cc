#include "app/help.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::app {

namespace {

constexpr std::size_t page_width = 80;
/// Where the help of an option begins.
constexpr std::size_t short_column = 23;
constexpr std::size_t long_column = 31;

/// "  -c:v, --video-codec NAME"; a long name that says the same as the short one is left out.
std::string usage_of(const Option& option) {
    const std::string shortest = option.display_name();
    const bool has_short = !shortest.starts_with("--");
    std::string text = (has_short ? "  " : "      ") + shortest;
    if (has_short && shortest.substr(1) != option.name) text += fmt::format(", --{}", option.name);
    if (option.takes_value()) text += fmt::format(" {}", option.value);
    return text;
}

std::string short_usage_of(const Option& option) {
    return fmt::format("  {}{}{}", option.display_name(), option.takes_value() ? " " : "", option.value);
}

/// `text` in lines of the page's width from `column` on; the first line stands behind `head` if there is room.
std::string in_two_columns(std::string head, std::string_view text, std::size_t column) {
    std::string out;
    std::string line = std::move(head);
    if (line.size() + 2 > column) {
        out += line + "\n";
        line.clear();
    }
    line.resize(column, ' ');
    for (const std::string_view word : split(text, ' ')) {
        if (line.size() > column && line.size() + 1 + word.size() > page_width) {
            out += line + "\n";
            line.assign(column, ' ');
        }
        if (line.size() > column) line += ' ';
        line += word;
    }
    return out + line + "\n";
}

std::string indented(std::string_view lines) {
    std::string text;
    for (const std::string_view line : split(lines, '\n')) text += fmt::format("  {}\n", line);
    return text;
}

/// The help of an option, with the values it takes.
std::string full_help(const Option& option) {
    const auto choices = option.choices();
    return choices.empty() ? std::string(option.help) : fmt::format("{}: {}", option.help, fmt::join(choices, ", "));
}

std::string all_options(CommandId command) {
    std::string text;
    std::string_view group;
    for (const Option& option : options()) {
        if (!option.of(command)) continue;
        if (option.group != group) text += fmt::format("\n{}\n", option.group);
        group = option.group;
        text += in_two_columns(usage_of(option), full_help(option), long_column);
    }
    return text;
}

std::string frequent_options(CommandId command) {
    std::string text = "\nOptions\n";
    for (const Option& option : options()) {
        if (option.shown_in(command, Use::often)) {
            text += in_two_columns(short_usage_of(option), option.help, short_column);
        }
    }
    return text;
}

bool has_options(CommandId command) {
    return std::ranges::any_of(options(), [command](const Option& option) { return option.of(command); });
}

bool hides_options(CommandId command) {
    return std::ranges::any_of(options(), [command](const Option& option) {
        return option.of(command) && !option.shown_in(command, Use::often);
    });
}

}  // namespace

std::string program_help() {
    std::string text =
        "Millrace runs AI models over video: decode, model and encode as one flow.\n"
        "\nExamples\n"
        "  millrace run -i in.mp4 -o out.mp4 -m x2.onnx\n"
        "  millrace run -i in.mkv -o out.mkv -m x2.onnx -c:v libx265 -crf 20\n"
        "  millrace probe in.mp4\n"
        "\nCommands\n";
    for (const CommandInfo& command : commands()) {
        text += in_two_columns(fmt::format("  {}", command.words), command.summary, short_column);
    }
    text += in_two_columns("  --version", "versions of Millrace and of the libraries it uses", short_column);
    text +=
        "\nAn interrupted run goes on where it stopped when the same command is given\n"
        "again. 'millrace COMMAND --help' shows a command's options; 'man millrace' has\n"
        "all.\n";
    return text;
}

std::string command_help(CommandId command, Use least) {
    const CommandInfo& info = command_info(command);
    std::string text =
        fmt::format("millrace {}: {}\n\nExamples\n{}", info.words, info.summary, indented(info.examples));
    if (!has_options(command)) return text;
    if (least == Use::seldom) return text + all_options(command);
    text += frequent_options(command);
    if (hides_options(command)) text += fmt::format("\n'millrace {} --help-all' shows all options.\n", info.words);
    return text;
}

}  // namespace millrace::app
