#include "app/script_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/terminal.h"
#include "core/error.h"
#include "millrace/engine.h"

namespace millrace::app {

namespace {

// The exit code is that of a wrong command line, as for a run.
constexpr const char* boot = R"(
import json, sys
asked = {**json.loads(sys.argv[1]), "paths": sys.argv[2:]}
try:
    import millrace
    if millrace.__version__ != asked["version"]:
        raise ImportError("found " + millrace.__version__)
    from millrace import _check
except ImportError as error:
    print("millrace: error: script {}: {} has no Millrace {} ({}); in Millrace's repository: {} -m pip install . "
          "(docs/python.md), or choose another interpreter with --python".format(
              asked["paths"][0], sys.executable, asked["version"], error, sys.executable), file=sys.stderr)
    sys.exit(2)
sys.exit(_check.main(asked))
)";

std::string asked_of(const ScriptCheckCommand& command, Format format) {
    nlohmann::json asked = {{"settings", command.script.settings},
                            {"size", nullptr},
                            {"batch", nullptr},
                            {"timeout", command.script.timeout},
                            {"json", format == Format::json},
                            {"version", nlohmann::json::parse(versions_json()).at("millrace")}};
    if (command.size) asked["size"] = *command.size;
    if (command.batch) asked["batch"] = *command.batch;
    return asked.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void become_script_check(const ScriptCheckCommand& command, Format format) {
    const std::string python = find_python(command.script.python);
    const std::string asked = asked_of(command, format);
    (void)std::signal(SIGPIPE, SIG_DFL);  // what is ignored stays so in what comes next
    (void)std::fflush(stdout);
    std::vector<std::string> words{python, "-c", boot, asked};
    std::ranges::copy(all_paths(command.script), std::back_inserter(words));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp(python.c_str(), arguments.data());
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("script {}: {} could not be started: {}; name an interpreter with --python",
                                  command.script.path, python, std::generic_category().message(errno)));
}

}  // namespace millrace::app
