#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "infer/session.h"

namespace millrace::infer {
namespace {

/// By CudaLibrary: one that says its version as major * 10000 + minor * 100 + patch.
struct Library {
    std::string_view name;
    std::string_view file;  ///< how its file's name begins
    const char* function;
};
constexpr std::array<Library, 2> known{
    {{"cuDNN", "libcudnn.so", "cudnnGetVersion"}, {"cuBLAS", "libcublasLt.so", "cublasLtGetVersion"}}};

struct Search {
    std::string_view file;
    std::string path;
};

int look_at(dl_phdr_info* info, std::size_t /*size*/, void* search_of) {
    auto& search = *static_cast<Search*>(search_of);
    const std::filesystem::path path = info->dlpi_name != nullptr ? info->dlpi_name : "";
    if (!path.filename().string().starts_with(search.file)) return 0;
    search.path = path.string();
    return 1;
}

std::string version_of(const Library& library) {
    constexpr const char* unknown = "unknown";
    Search search{library.file, {}};
    dl_iterate_phdr(look_at, &search);
    if (search.path.empty()) return unknown;
    void* handle = dlopen(search.path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) return unknown;
    void* symbol = dlsym(handle, library.function);
    const std::size_t version =
        symbol == nullptr ? 0 : reinterpret_cast<std::size_t (*)()>(symbol)();  // NOLINT: dlsym gives void*
    dlclose(handle);
    if (version == 0) return unknown;
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace

std::string cuda_library_versions(std::initializer_list<CudaLibrary> libraries) {
    std::string text;
    for (const CudaLibrary one : libraries) {
        const Library& library = known.at(static_cast<std::size_t>(one));
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", library.name, version_of(library));
    }
    return text;
}

}  // namespace millrace::infer
