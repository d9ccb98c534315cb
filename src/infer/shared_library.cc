#include "infer/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace millrace::infer {

void* open_library(const std::string& name, const std::vector<std::string>& folders, Symbols symbols,
                   std::string& looked) {
    const int flags = RTLD_NOW | (symbols == Symbols::shared ? RTLD_GLOBAL : RTLD_LOCAL);
    for (const std::string& folder : folders) {
        std::error_code ignored;
        const std::filesystem::path file = std::filesystem::path(folder) / name;
        if (!std::filesystem::exists(file, ignored)) {
            looked += folder + ", ";
            continue;
        }
        if (void* handle = dlopen(file.c_str(), flags)) return handle;
        const char* reason = dlerror();
        looked += fmt::format("{} ({}), ", folder, reason != nullptr ? reason : "it does not load");
    }
    if (void* handle = dlopen(name.c_str(), flags)) return handle;
    const char* reason = dlerror();
    looked = fmt::format("{}where the dynamic linker looks ({})", looked.empty() ? "" : "in " + looked + "and ",
                         reason != nullptr ? reason : "not found");
    return nullptr;
}

}  // namespace millrace::infer
