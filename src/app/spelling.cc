#include "app/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace millrace::app {

namespace {

struct Foreign {
    std::string_view spelling;
    std::string_view advice;
};

/// What people who know ffmpeg will try.
constexpr std::array foreign{
    Foreign{"-c", "name the encoder with -c:v; sound and subtitles are copied"},
    Foreign{"-codec", "name the encoder with -c:v; sound and subtitles are copied"},
    Foreign{"-c:a", "sound is always copied (-an leaves it out)"},
    Foreign{"-acodec", "sound is always copied (-an leaves it out)"},
    Foreign{"-codec:a", "sound is always copied (-an leaves it out)"},
    Foreign{"-b:a", "sound is always copied (-an leaves it out)"},
    Foreign{"-c:s", "subtitles are copied, or converted where the container asks (-sn leaves them out)"},
    Foreign{"-vf", "there are no filters here but --deinterlace; a model does the work (-m)"},
    Foreign{"-filter:v", "there are no filters here but --deinterlace; a model does the work (-m)"},
    Foreign{"-filter_complex", "there are no filters here but --deinterlace; a model does the work (-m)"},
    Foreign{"-s", "the model decides the output's size; --input-size resizes for the model"},
    Foreign{"-r", "every frame keeps its own time; --input-rate says the rate of an input that has none"},
    Foreign{"-vsync", "every frame keeps its own time"},
    Foreign{"-fps_mode", "every frame keeps its own time"},
    Foreign{"-to", "give the length with -t"},
    Foreign{"-n", "an existing output is never replaced without -y"},
    Foreign{"-b", "write -b:v for the video's bit rate"},
    Foreign{"-movflags", "MP4 is written with its index in front; --fragmented writes fragments"},
    Foreign{"-hwaccel", "choose a device with --device"},
    Foreign{"-hide_banner", "there is no banner"},
    Foreign{"-metadata", "metadata is copied from the input"},
    Foreign{"-vn", "Millrace works on the video"},
};

/// Options of encoders, which are given with -e here.
constexpr std::array encoder_options{"g",           "bf",           "refs",       "tune",         "profile:v",
                                     "profile",     "level",        "maxrate",    "minrate",      "bufsize",
                                     "x264-params", "x265-params",  "qp",         "q:v",          "qscale",
                                     "aq-mode",     "rc-lookahead", "keyint_min", "sc_threshold", "svtav1-params",
                                     "cpu-used",    "deadline",     "row-mt",     "flags",        "coder",
                                     "slices"};

std::string encoder_key(std::string_view name) {
    const std::string_view key = name.substr(0, name.find(':'));
    return std::string(key == "q" ? "qscale" : key);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> now(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = std::min(now[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, now);
    }
    return last[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
    constexpr std::size_t longest = 40;
    if (word.empty() || word.size() > longest) return {};
    const std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
    std::size_t best = allowed + 1;
    std::string found;
    for (const std::string& candidate : known) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best && distance < candidate.size()) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

std::string advice_for_unknown_option(CommandId command, std::string_view spelling) {
    const std::string_view name = spelling.substr(std::min(spelling.find_first_not_of('-'), spelling.size()));
    const bool single_dash = !spelling.starts_with("--");
    if (single_dash && find_option(command, "-i") != nullptr) {
        for (const Foreign& entry : foreign) {
            if (entry.spelling == spelling) return fmt::format("; {}", entry.advice);
        }
        if (std::ranges::find(encoder_options, name) != encoder_options.end()) {
            return fmt::format("; give it to the encoder with -e {}=VALUE", encoder_key(name));
        }
    }
    // Compared without dashes, so that --crfs finds -crf, and -presett finds -preset.
    std::vector<std::string> names;
    std::vector<std::string> spellings;
    for (const Option& option : options()) {
        if (!option.of(command)) continue;
        for (const std::string& known : option.all_spellings()) {
            names.push_back(known.substr(known.find_first_not_of('-')));
            spellings.push_back(known);
        }
    }
    const std::string found = nearest(name, names);
    if (!found.empty()) {
        const auto at = static_cast<std::size_t>(std::ranges::find(names, found) - names.begin());
        return fmt::format("; did you mean {}?", spellings[at]);
    }
    return fmt::format("; 'millrace {} --help-all' lists the options", command_info(command).words);
}

}  // namespace millrace::app
