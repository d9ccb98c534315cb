#include <fmt/format.h>

#include "app/help.h"
#include "app/values.h"
#include "core/error.h"

namespace millrace::app {

namespace {

bool names_a_file(const Option& option) { return option.value == "FILE" || option.value == "FOLDER"; }

std::string spellings_of(CommandId command) {
    std::string words;
    for (const Option& option : options()) {
        if (!option.of(command)) continue;
        for (const std::string& spelling : option.all_spellings()) words += spelling + " ";
    }
    return words + "--help --help-all";
}

/// For a case statement of bash: "-fit|--fit", with ':' as it stands.
std::string alternatives(const Option& option) {
    std::string text;
    for (const std::string& spelling : option.all_spellings()) text += (text.empty() ? "" : "|") + spelling;
    return text;
}

std::string bash_values() {
    std::string text;
    for (const Option& option : options()) {
        const auto choices = option.choices();
        if (!choices.empty()) {
            text += fmt::format("        {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n",
                                alternatives(option), fmt::join(choices, " "));
        } else if (names_a_file(option)) {
            text +=
                fmt::format("        {}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", alternatives(option));
        } else if (option.takes_value()) {
            text += fmt::format("        {}) COMPREPLY=(); return ;;\n", alternatives(option));
        }
    }
    return text;
}

std::string bash_script() {
    std::string cases;
    std::string commands_text;
    for (const CommandInfo& command : commands()) {
        const std::string_view first = command.words.substr(0, command.words.find(' '));
        commands_text += fmt::format("{} ", first);
        cases += fmt::format("        {}) options='{}' ;;\n", first,
                             command.id == CommandId::completion ? "bash zsh fish" : spellings_of(command.id));
    }
    // Bash breaks words at ':', so that -c:v reaches us as three; they are put together again.
    std::string script =
        "# bash completion for millrace: source <(millrace completion bash)\n"
        "_millrace() {\n"
        "    local line=\"${COMP_LINE:0:COMP_POINT}\" word='' before='' options='' words\n"
        "    read -ra words <<<\"$line\"\n"
        "    [[ \"$line\" == *[[:space:]] ]] && words+=('')\n"
        "    word=\"${words[-1]}\"\n"
        "    COMPREPLY=()\n"
        "    if ((${#words[@]} <= 2)); then\n";
    script += fmt::format(
        "        COMPREPLY=($(compgen -W '{}--help --version' -- \"$word\"))\n        return\n    fi\n", commands_text);
    script +=
        "    if [[ \"${words[1]}\" == model ]] && ((${#words[@]} == 3)); then\n"
        "        COMPREPLY=($(compgen -W show -- \"$word\"))\n        return\n    fi\n"
        "    if [[ \"${words[1]}\" == script ]] && ((${#words[@]} == 3)); then\n"
        "        COMPREPLY=($(compgen -W check -- \"$word\"))\n        return\n    fi\n"
        "    before=\"${words[-2]}\"\n"
        "    case \"$before\" in\n";
    script += bash_values();
    script += "    esac\n    case \"${words[1]}\" in\n" + cases + "    esac\n";
    script +=
        "    if [[ \"$word\" == -* || \"${words[1]}\" == completion ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
        "        # Only what follows the last ':' is replaced by readline.\n"
        "        if [[ \"$word\" == *:* && \"$COMP_WORDBREAKS\" == *:* ]]; then\n"
        "            COMPREPLY=(\"${COMPREPLY[@]#\"${word%\"${word##*:}\"}\"}\")\n"
        "        fi\n"
        "    else\n"
        "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _millrace millrace\n";
    return script;
}

/// For text within single quotes of zsh's _arguments: no quotes, colons and brackets escaped.
std::string zsh_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ':' || c == '[' || c == ']') out += '\\';
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out;
}

std::string zsh_option(const Option& option) {
    std::string action;
    const auto choices = option.choices();
    if (!choices.empty()) {
        action = fmt::format(":value:({})", fmt::join(choices, " "));
    } else if (names_a_file(option)) {
        action = ":file:_files";
    } else if (option.takes_value()) {
        action = fmt::format(":{}:", zsh_text(option.value));
    }
    std::string text;
    for (const std::string& spelling : option.all_spellings()) {
        text += fmt::format(" \\\n            '{}{}[{}]{}'", option.times == Times::many ? "*" : "", zsh_text(spelling),
                            zsh_text(option.help), action);
    }
    return text;
}

std::string zsh_script() {
    std::string list;
    std::string cases;
    for (const CommandInfo& command : commands()) {
        const std::string_view first = command.words.substr(0, command.words.find(' '));
        list += fmt::format("        '{}:{}'\n", first, zsh_text(command.summary));
        cases += fmt::format("        {})\n            _arguments '--help[show the options]'", first);
        for (const Option& option : options()) {
            if (option.of(command.id)) cases += zsh_option(option);
        }
        if (command.id == CommandId::completion) cases += " \\\n            '1:shell:(bash zsh fish)'";
        if (command.id == CommandId::model_show) cases += " \\\n            '1:command:(show)' '2:file:_files'";
        if (command.id == CommandId::script_check) cases += " \\\n            '1:command:(check)' '2:file:_files'";
        if (command.id == CommandId::probe) cases += " \\\n            '1:file:_files'";
        cases += "\n            ;;\n";
    }
    return "#compdef millrace\n"
           "_millrace() {\n"
           "    local -a list=(\n" +
           list +
           "    )\n"
           "    if ((CURRENT == 2)); then\n"
           "        _describe 'command' list\n"
           "        return\n"
           "    fi\n"
           "    local command=\"${words[2]}\"\n"
           "    shift words\n"
           "    ((CURRENT--))\n"
           "    case \"$command\" in\n" +
           cases +
           "    esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = \"_millrace\" ]; then\n"
           "    _millrace \"$@\"\n"
           "else\n"
           "    compdef _millrace millrace\n"
           "fi\n";
}

std::string fish_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '\'') out += '\\';
        out += c;
    }
    return out;
}

std::string fish_option(const Option& option, std::string_view command) {
    std::string names;
    for (const std::string& spelling : option.all_spellings()) {
        const std::string_view bare = std::string_view(spelling).substr(spelling.find_first_not_of('-'));
        names += spelling.starts_with("--") ? fmt::format(" -l '{}'", bare)
                 : bare.size() == 1         ? fmt::format(" -s '{}'", bare)
                                            : fmt::format(" -o '{}'", bare);
    }
    std::string value;
    const auto choices = option.choices();
    if (!choices.empty()) {
        value = fmt::format(" -x -a '{}'", fmt::join(choices, " "));
    } else if (names_a_file(option)) {
        value = " -r -F";
    } else if (option.takes_value()) {
        value = " -x";
    }
    return fmt::format("complete -c millrace -n '__fish_seen_subcommand_from {}'{}{} -d '{}'\n", command, names, value,
                       fish_text(option.help));
}

std::string fish_script() {
    std::string script =
        "# fish completion for millrace: millrace completion fish >~/.config/fish/completions/millrace.fish\n";
    for (const CommandInfo& command : commands()) {
        const std::string_view first = command.words.substr(0, command.words.find(' '));
        script += fmt::format("complete -c millrace -n __fish_use_subcommand -f -a '{}' -d '{}'\n", first,
                              fish_text(command.summary));
        for (const Option& option : options()) {
            if (option.of(command.id)) script += fish_option(option, first);
        }
    }
    script += "complete -c millrace -n '__fish_seen_subcommand_from model' -f -a 'show'\n";
    script += "complete -c millrace -n '__fish_seen_subcommand_from script' -f -a 'check'\n";
    script += "complete -c millrace -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
    return script;
}

}  // namespace

std::string completion_script(std::string_view shell) {
    if (shell == "bash") return bash_script();
    if (shell == "zsh") return zsh_script();
    if (shell == "fish") return fish_script();
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("completion: expected bash, zsh or fish, found '{}'", shown(shell)));
}

}  // namespace millrace::app
