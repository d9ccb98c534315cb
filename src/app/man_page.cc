#include <fmt/format.h>

#include <algorithm>

#include "app/help.h"

namespace millrace::app {

namespace {

/// Text as roff reads it literally.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
            out += "\\&";
            out += c;
        } else {
            out += c;
        }
    }
    return out;
}

std::string option_entry(const Option& option) {
    std::string names;
    for (const std::string& spelling : option.all_spellings()) {
        if (!names.empty()) names += ", ";
        names += fmt::format("\\fB{}\\fR", roff(spelling));
    }
    if (option.takes_value()) names += fmt::format(" \\fI{}\\fR", roff(option.value));
    std::string used_by;
    for (const CommandInfo& command : commands()) {
        if (option.of(command.id)) used_by += fmt::format("{}{}", used_by.empty() ? "" : ", ", command.words);
    }
    std::string help = roff(option.help);
    if (const auto choices = option.choices(); !choices.empty()) help += fmt::format(": {}", fmt::join(choices, ", "));
    return fmt::format(".TP\n{}\n{}.\nCommands: {}.\n", names, help, roff(used_by));
}

constexpr std::string_view opening =
    ".\\\" Made by 'millrace man' from the table of options; do not edit.\n"
    ".TH MILLRACE 1 \"\" \"Millrace\" \"User Commands\"\n"
    ".SH NAME\nmillrace \\- run AI models over video, exact to the frame\n"
    ".SH SYNOPSIS\n";

constexpr std::string_view description =
    ".SH DESCRIPTION\n"
    "Millrace decodes a video, puts every frame through an ONNX model, and encodes the result, as one flow. Sound,\n"
    "subtitles, chapters and metadata are copied, and every frame keeps its own time. Without a model the video is\n"
    "re\\-encoded.\n"
    ".PP\n"
    "The work is done in segments. What is finished lies in a folder beside the output (\\fIOUTPUT\\fR.millrace), so "
    "an\n"
    "interrupted run goes on where it stopped when the same command is given again. The output appears under its\n"
    "name only when it is whole.\n"
    ".PP\n"
    "Options that ffmpeg has are spelled as ffmpeg spells them; the long spellings say the same.\n";

constexpr std::string_view closing =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n"
    ".TP\n1\nfailed while working: input or output error, codec, model, device, disk full\n"
    ".TP\n2\nbad usage\n"
    ".TP\n3\nbad input: a file that cannot be used as it is\n"
    ".TP\n4\nrefused by \\fB\\-\\-strict\\fR\n"
    ".TP\n129, 130, 143\ninterrupted by SIGHUP, SIGINT, SIGTERM; the same command goes on. A second signal ends the\n"
    "process at once, which loses only what was not finished.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBMILLRACE_ORT_LIBRARY\\fR\nONNX Runtime's library, where \\fB\\-\\-ort\\-library\\fR does not name it\n"
    ".TP\n\\fBMILLRACE_PYTHON\\fR\nthe interpreter for scripts, where \\fB\\-\\-python\\fR does not name it\n"
    ".TP\n\\fBNO_COLOR\\fR\nno colours, if set and not empty\n"
    ".TP\n\\fBCOLUMNS\\fR\nwidth of the terminal, where the terminal does not say\n"
    ".SH FILES\n"
    ".TP\n\\fIOUTPUT\\fR.millrace\nfinished segments and the journal of a run that has not ended; removed when the\n"
    "output is whole\n"
    ".TP\n\\fIMODEL_FOLDER\\fR/model.json\nsettings of a model\n"
    ".SH SEE ALSO\n\\fBffmpeg\\fR(1), \\fBffprobe\\fR(1)\n";

}  // namespace

std::string man_page() {
    std::string text(opening);
    for (const CommandInfo& command : commands()) {
        text += fmt::format("\\fBmillrace {}\\fR", roff(command.words));
        if (!command.operand.empty()) text += fmt::format(" \\fI{}\\fR", command.operand);
        const auto takes = [&command](const Option& option) { return option.of(command.id); };
        text += std::ranges::any_of(options(), takes) ? " [\\fIoptions\\fR]\n.br\n" : "\n.br\n";
    }
    text += description;
    text += ".SH COMMANDS\n";
    for (const CommandInfo& command : commands()) {
        text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(command.words), roff(command.summary));
    }
    text += ".SH OPTIONS\n";
    std::string_view group;
    for (const Option& option : options()) {
        if (option.group != group) text += fmt::format(".SS {}\n", option.group);
        group = option.group;
        text += option_entry(option);
    }
    text += ".SH EXAMPLES\n.nf\n";
    for (const CommandInfo& command : commands()) text += roff(command.examples) + "\n";
    text += ".fi\n";
    return text + std::string(closing);
}

}  // namespace millrace::app
