#include "app/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "app/command_line.h"
#include "app/table.h"

namespace millrace::app {
namespace {

using testing::HasSubstr;

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        EXPECT_NE(end, std::string_view::npos) << "the last line has no line feed";
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return lines;
}

std::string text_of(const std::vector<std::string>& arguments) {
    return std::get<TextCommand>(parse_command_line(arguments).action).text;
}

std::vector<std::string> with(std::string_view words, std::initializer_list<const char*> more) {
    std::vector<std::string> arguments;
    for (const std::string_view word : split(words, ' ')) arguments.emplace_back(word);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

TEST(Help, FitsAScreenAndShowsExamplesFirst) {
    for (const CommandInfo& command : commands()) {
        const std::string text = text_of(with(command.words, {"--help"}));
        const auto lines = lines_of(text);
        EXPECT_LE(lines.size(), 40U) << command.words;
        for (const std::string_view line : lines) EXPECT_LE(line.size(), 80U) << line;
        ASSERT_GE(lines.size(), 4U);
        EXPECT_EQ(lines[2], "Examples") << command.words;
    }
    EXPECT_LE(lines_of(text_of({"--help"})).size(), 40U);
}

TEST(Help, IsGivenOnLinesThatAreWrongOtherwise) {
    EXPECT_THAT(text_of({"run", "-crf", "x", "-h"}), HasSubstr("Examples"));
    EXPECT_THAT(text_of({"model", "--help"}), HasSubstr("model show"));
    EXPECT_EQ(text_of({}), text_of({"--help"}));
}

TEST(Help, HelpAllHasEveryOptionOfTheCommand) {
    for (const CommandInfo& command : commands()) {
        const std::string text = text_of(with(command.words, {"--help-all"}));
        for (const Option& option : options()) {
            if (option.of(command.id)) {
                EXPECT_THAT(text, HasSubstr("  " + option.display_name())) << command.words;
            }
        }
    }
}

TEST(Help, ExamplesParse) {
    for (const CommandInfo& command : commands()) {
        for (const std::string_view example : split(command.examples, '\n')) {
            auto words = with(example, {});
            const auto begin = std::ranges::find(words, "millrace");
            if (begin == words.end() || command.id == CommandId::completion || command.id == CommandId::man) continue;
            const std::vector<std::string> arguments(begin + 1, words.end());
            EXPECT_NO_THROW((void)parse_command_line(arguments)) << example;
        }
    }
}

TEST(Options, NamesAndSpellingsAreUniqueWithinACommand) {
    for (const CommandInfo& command : commands()) {
        std::set<std::string> seen{"-h", "--help", "-help", "--help-all"};
        for (const Option& option : options()) {
            if (!option.of(command.id)) continue;
            for (const std::string& spelling : option.all_spellings()) {
                EXPECT_TRUE(seen.insert(spelling).second) << command.words << " " << spelling;
            }
        }
    }
}

TEST(ManPage, InDocsIsTheOneThatTheProgramPrints) {
    std::ifstream file(MILLRACE_SOURCE_DIR "/docs/man/millrace.1");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), man_page()) << "make it again: millrace man >docs/man/millrace.1";
}

TEST(ManPage, HasEveryOptionAndCommand) {
    const std::string page = man_page();
    for (const Option& option : options()) {
        for (const std::string& spelling : option.all_spellings()) {
            std::string escaped;
            for (const char c : spelling) escaped += c == '-' ? "\\-" : std::string(1, c);
            EXPECT_THAT(page, HasSubstr("\\fB" + escaped + "\\fR"));
        }
    }
    for (const CommandInfo& command : commands()) {
        EXPECT_THAT(page, HasSubstr(".TP\n\\fB" + std::string(command.words) + "\\fR"));
    }
}

/// What bash offers when the user presses tab at the end of `line`, one a line.
std::set<std::string> bash_completions(const std::string& line) {
    const std::string script = testing::TempDir() + "millrace-completion-" + std::to_string(::getpid()) + ".bash";
    std::ofstream(script) << completion_script("bash") << "complete -p millrace || exit 9\n"
                          << "COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'\n"
                          << "COMP_LINE='" << line << "' COMP_POINT=" << line.size() << "\n_millrace\n"
                          << "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    std::FILE* pipe = popen(("bash --norc --noprofile -u " + script + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c)
    std::set<std::string> offers;
    std::array<char, 4096> buffer{};
    while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
        offers.insert(std::string(split(buffer.data(), '\n').empty() ? "" : split(buffer.data(), '\n').front()));
    }
    EXPECT_EQ(pclose(pipe), 0) << line;
    EXPECT_EQ(offers.erase("complete -o filenames -F _millrace millrace"), 1U) << "the completion is not registered";
    return offers;
}

TEST(BashCompletion, OffersCommands) {
    EXPECT_EQ(bash_completions("millrace "),
              (std::set<std::string>{"run", "probe", "bench", "tune", "model", "script", "devices", "completion", "man",
                                     "--help", "--version"}));
    EXPECT_EQ(bash_completions("millrace pr"), std::set<std::string>{"probe"});
    EXPECT_EQ(bash_completions("millrace model "), std::set<std::string>{"show"});
    EXPECT_EQ(bash_completions("millrace script "), std::set<std::string>{"check"});
    EXPECT_EQ(bash_completions("millrace completion "), (std::set<std::string>{"bash", "zsh", "fish"}));
}

TEST(BashCompletion, OffersEveryOptionOfACommand) {
    std::set<std::string> expected{"--help", "--help-all"};
    for (const Option& option : options()) {
        if (!option.of(CommandId::run)) continue;
        for (const std::string& spelling : option.all_spellings()) expected.insert(spelling);
    }
    EXPECT_EQ(bash_completions("millrace run -"), expected);
    EXPECT_EQ(bash_completions("millrace run -i in.mp4 -pre"), std::set<std::string>{"-preset"});
}

TEST(BashCompletion, OffersValues) {
    EXPECT_EQ(bash_completions("millrace run --fit l"), std::set<std::string>{"letterbox"});
    EXPECT_EQ(bash_completions("millrace run -v "),
              (std::set<std::string>{"quiet", "error", "warning", "info", "debug"}));
    EXPECT_EQ(bash_completions("millrace probe " MILLRACE_SOURCE_DIR "/CMakeLi"),
              std::set<std::string>{MILLRACE_SOURCE_DIR "/CMakeLists.txt"});
    EXPECT_EQ(bash_completions("millrace run -i " MILLRACE_SOURCE_DIR "/CMakeLi"),
              std::set<std::string>{MILLRACE_SOURCE_DIR "/CMakeLists.txt"});
}

/// readline replaces only what follows the ':', so the offer must leave out what stands before it.
TEST(BashCompletion, KnowsThatReadlineBreaksWordsAtColons) {
    EXPECT_EQ(bash_completions("millrace run -c:"), std::set<std::string>{"v"});
    EXPECT_EQ(bash_completions("millrace run -b:v"), std::set<std::string>{"v"});
}

TEST(OtherCompletions, NameEveryOption) {
    const std::string zsh = completion_script("zsh");
    const std::string fish = completion_script("fish");
    EXPECT_TRUE(zsh.starts_with("#compdef millrace\n"));
    for (const Option& option : options()) {
        EXPECT_THAT(zsh, HasSubstr("'" + std::string(option.times == Times::many ? "*" : "") + "--" +
                                   std::string(option.name) + "["));
        EXPECT_THAT(fish, HasSubstr(" -l '" + std::string(option.name) + "'"));
    }
}

TEST(Tables, AlignByCodePoints) {
    Table table({Align::left, Align::right});
    table.add({"größe", "1"});
    table.add({"a", "22"});
    table.add({"b"});
    EXPECT_EQ(table.render(1), " größe   1\n a      22\n b\n");
}

}  // namespace
}  // namespace millrace::app
