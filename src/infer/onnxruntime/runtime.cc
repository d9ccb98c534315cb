#include "infer/onnxruntime/runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "infer/session.h"

namespace millrace::infer {
namespace {

using core::Error;
using core::ErrorCode;

constexpr const char* advice =
    "install it with `pip install onnxruntime` and point --ort-library to its capi/libonnxruntime.so.*";

/// What is loaded. Never unloaded and never destroyed: sessions may outlive every static object.
struct Loaded {
    RuntimeInfo info;
    std::unique_ptr<Ort::Env> environment;
};

void* open_library(const std::string& library, std::string& path) {
    std::string reasons;
    std::vector<std::string> names{library};
    if (library.empty()) names = {"libonnxruntime.so.1", "libonnxruntime.so"};
    for (const std::string& name : names) {
        if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
            path = name;
            return handle;
        }
        const char* reason = dlerror();
        reasons += fmt::format("{}{}", reasons.empty() ? "" : "; ", reason != nullptr ? reason : name);
    }
    throw Error(ErrorCode::failed, fmt::format("ONNX Runtime could not be loaded ({}); {}", reasons, advice));
}

/// Where the loader found the library that `symbol` lies in.
std::string path_of(const void* symbol, const std::string& otherwise) {
    Dl_info where{};
    return dladdr(symbol, &where) != 0 && where.dli_fname != nullptr ? where.dli_fname : otherwise;
}

/// The runtime's own lines: what fails comes back as an exception too, so they are for debugging.
void ORT_API_CALL write_log(void* /*context*/, OrtLoggingLevel /*severity*/, const char* /*category*/,
                            const char* /*id*/, const char* location, const char* message) {
    core::log::debug("onnxruntime: {} ({})", message, location);
}

std::unique_ptr<Loaded> load(const std::string& library) {
    auto loaded = std::make_unique<Loaded>();
    void* handle = open_library(library, loaded->info.path);
    void* symbol = dlsym(handle, "OrtGetApiBase");
    if (symbol == nullptr) {
        throw Error(ErrorCode::failed,
                    fmt::format("{} is not ONNX Runtime (it has no OrtGetApiBase); {}", loaded->info.path, advice));
    }
    loaded->info.path = path_of(symbol, loaded->info.path);
    const OrtApiBase* base = reinterpret_cast<const OrtApiBase* (*)()>(symbol)();  // NOLINT: dlsym gives void*
    loaded->info.version = fmt::format("ONNX Runtime {}", base->GetVersionString());
    const OrtApi* api = base->GetApi(ORT_API_VERSION);
    if (api == nullptr) {
        throw Error(ErrorCode::failed, fmt::format("{} is {}, expected 1.{} or later; {}", loaded->info.path,
                                                   loaded->info.version, ORT_API_VERSION, advice));
    }
    Ort::InitApi(api);
    try {
        loaded->environment = std::make_unique<Ort::Env>(ORT_LOGGING_LEVEL_WARNING, "millrace", write_log, nullptr);
        loaded->environment->DisableTelemetryEvents();
    } catch (const Ort::Exception& failure) {
        ort::rethrow(failure, loaded->info.path);
    }
    return loaded;
}

bool same_file(const std::string& left, const std::string& right) {
    std::error_code ignored;
    return left == right || std::filesystem::equivalent(left, right, ignored);
}

/// Loads at the first call that succeeds; later calls must ask for the same library, or for any.
const Loaded& runtime(const std::string& library) {
    static std::mutex mutex;
    static const Loaded* the_one = nullptr;
    const std::scoped_lock lock(mutex);
    if (the_one == nullptr) {
        the_one = load(library).release();
    } else if (!library.empty() && !same_file(library, the_one->info.path)) {
        throw Error(
            ErrorCode::failed,
            fmt::format("ONNX Runtime is already loaded from {}; a process uses one, so {} cannot be loaded too",
                        the_one->info.path, library));
    }
    return *the_one;
}

}  // namespace

RuntimeInfo load_runtime(const std::string& library) { return runtime(library).info; }

namespace ort {

Ort::Env& environment(const std::string& library) { return *runtime(library).environment; }

bool says_out_of_memory(std::string_view reason) {
    // The arena's two refusals, C++, CUDA's runtime and driver, cuDNN (8 and 9) and cuBLAS.
    constexpr std::array<std::string_view, 8> words{
        "Failed to allocate memory", "Available memory of",       "bad_alloc",          "out of memory",
        "CUDA_ERROR_OUT_OF_MEMORY",  "cudaErrorMemoryAllocation", "CUDNN_STATUS_ALLOC", "CUBLAS_STATUS_ALLOC"};
    return std::ranges::any_of(words, [reason](std::string_view word) { return reason.find(word) != reason.npos; });
}

void rethrow(const Ort::Exception& failure, const std::string& doing, ErrorCode code) {
    std::string_view reason = failure.what();
    while (!reason.empty() && (reason.back() == '\n' || reason.back() == '.')) reason.remove_suffix(1);
    throw Error(says_out_of_memory(reason) ? ErrorCode::out_of_memory : code, fmt::format("{}: {}", doing, reason));
}

}  // namespace ort
}  // namespace millrace::infer
