#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "app/options.h"
#include "app/terminal.h"

namespace millrace::app {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        if (it->path().filename().string().starts_with(prefix)) found.push_back(it->path());
    }
    std::ranges::sort(found);
    return found;
}

/// The library of the onnxruntime package below a Python installation; the newest Python first.
std::string library_below(const fs::path& prefix) {
    auto pythons = entries(prefix / "lib", "python3");
    std::ranges::reverse(pythons);
    for (const fs::path& python : pythons) {
        for (const char* packages : {"site-packages", "dist-packages"}) {
            const auto libraries = entries(python / packages / "onnxruntime" / "capi", "libonnxruntime.so");
            if (!libraries.empty()) return libraries.back().string();
        }
    }
    return {};
}

/// Installations that PATH's python3 may belong to: where it stands (a virtual environment), and where a link leads.
std::vector<fs::path> python_prefixes() {
    std::vector<fs::path> prefixes;
    for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
        if (const std::string value = environment(name); !value.empty()) prefixes.emplace_back(value);
    }
    const std::string path = environment("PATH");
    for (const std::string_view folder : split(path, ':')) {
        const fs::path program = fs::path(folder) / "python3";
        std::error_code error;
        if (!fs::exists(program, error)) continue;
        prefixes.push_back(program.parent_path().parent_path());
        const fs::path target = fs::canonical(program, error);
        if (!error) prefixes.push_back(target.parent_path().parent_path());
        break;
    }
    if (const std::string home = environment("HOME"); !home.empty()) prefixes.push_back(fs::path(home) / ".local");
    prefixes.emplace_back("/usr/local");
    return prefixes;
}

/// "millrace/NAME" among what may be made anew; empty: neither XDG_CACHE_HOME nor HOME is set.
std::string cache_folder(const char* name) {
    fs::path cache = environment("XDG_CACHE_HOME");
    // As the XDG base directory specification has it, what is not absolute does not count.
    if (!cache.is_absolute()) {
        const std::string home = environment("HOME");
        if (home.empty()) return {};
        cache = fs::path(home) / ".cache";
    }
    return (cache / "millrace" / name).string();
}

}  // namespace

std::string find_engine_cache(const std::string& asked) { return asked.empty() ? cache_folder("engines") : asked; }

std::string find_tune_folder() { return cache_folder("tune"); }

std::string find_runtime_library(const std::string& asked) {
    if (!asked.empty()) return asked;
    if (std::string value = environment("MILLRACE_ORT_LIBRARY"); !value.empty()) return value;
    std::error_code error;
    if (const fs::path built_with(MILLRACE_DEFAULT_ORT); !built_with.empty() && fs::exists(built_with, error)) {
        return built_with.string();
    }
    for (const fs::path& prefix : python_prefixes()) {
        if (std::string library = library_below(prefix); !library.empty()) return library;
    }
    return {};
}

std::string find_python(const std::string& asked) {
    if (!asked.empty()) return asked;
    if (std::string value = environment("MILLRACE_PYTHON"); !value.empty()) return value;
    if (const std::string folder = environment("VIRTUAL_ENV"); !folder.empty()) {
        std::error_code error;
        if (const fs::path python = fs::path(folder) / "bin" / "python"; fs::exists(python, error))
            return python.string();
    }
    return "python3";
}

void find_what_models_need(ModelOptions& model) {
    model.runtime_library = find_runtime_library(model.runtime_library);
    model.engine_cache = find_engine_cache(model.engine_cache);
    if (model.tune_folder.empty()) model.tune_folder = find_tune_folder();
}

void find_what_a_run_needs(Job& job) {
    if (!job.model.path.empty()) find_what_models_need(job.model);
    if (!job.script.path.empty()) job.script.python = find_python(job.script.python);
}

}  // namespace millrace::app
