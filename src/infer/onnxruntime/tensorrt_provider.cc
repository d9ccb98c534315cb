#include "infer/onnxruntime/tensorrt_provider.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "infer/engine_cache.h"
#include "infer/shared_library.h"

namespace millrace::infer::ort {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ErrorCode;

constexpr const char* provider_file = "libonnxruntime_providers_tensorrt.so";
constexpr const char* without = "or leave out --runtime tensorrt: the CUDA provider needs none of it";

struct FreeTensorrtOptions {
    void operator()(OrtTensorRTProviderOptionsV2* options) const {
        Ort::GetApi().ReleaseTensorRTProviderOptions(options);
    }
};
using TensorrtOptionsHandle = std::unique_ptr<OrtTensorRTProviderOptionsV2, FreeTensorrtOptions>;

/// "libnvinfer.so.10" comes as the Python package tensorrt 10.
std::string advice_for(std::string_view library) {
    const std::string_view major = library.substr(library.rfind('.') + 1);
    return fmt::format(
        "install TensorRT {0}, with `pip install \"tensorrt=={0}.*\"` beside ONNX Runtime or from NVIDIA's packages, "
        "and put its folder on LD_LIBRARY_PATH where it lies elsewhere, {1}",
        major, without);
}

/// Where Python's packages put TensorRT: beside CUDA's, and in a folder of its own.
std::vector<std::string> folders_beside(const std::string& library) {
    std::vector<std::string> folders = package_folders(library);
    std::error_code ignored;
    const fs::path packages = fs::canonical(library, ignored).parent_path().parent_path().parent_path();
    if (const fs::path own = packages / "tensorrt_libs"; fs::is_directory(own, ignored)) folders.push_back(own);
    return folders;
}

/// Throws Error(failed).
void* load(const std::string& name, const std::vector<std::string>& folders, const fs::path& provider) {
    std::string looked;
    if (void* handle = open_library(name, folders, Symbols::own, looked)) return handle;
    throw Error(ErrorCode::failed, fmt::format("TensorRT is missing: {} needs {}, which was looked for {}; {}",
                                               provider.string(), name, looked, advice_for(name)));
}

int number_of(void* nvinfer, const std::string& name) {
    void* symbol = dlsym(nvinfer, "getInferLibVersion");
    const int number = symbol == nullptr ? 0 : reinterpret_cast<int (*)()>(symbol)();  // NOLINT: dlsym gives void*
    if (number > 0) return number;
    throw Error(ErrorCode::failed,
                fmt::format("{} is not TensorRT (it has no getInferLibVersion); {}", name, advice_for(name)));
}

}  // namespace

std::string tensorrt_version(int number) {
    // Since 10 there are five digits below the major version, before that three.
    constexpr int first_of_ten = 100000;
    if (number >= first_of_ten) return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
    return fmt::format("{}.{}.{}", number / 1000, number / 100 % 10, number % 100);
}

std::vector<std::string> tensorrt_libraries(const fs::path& provider) {
    std::ifstream file(provider, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const std::regex pattern(R"(libnv(infer|infer_plugin|onnxparser)\.so\.[0-9]+)");
    std::vector<std::string> names;
    for (std::sregex_iterator it(bytes.begin(), bytes.end(), pattern), end; it != end; ++it) names.push_back(it->str());
    std::ranges::sort(names);  // libnvinfer.so.N, which the others need, comes first: '.' is before '_'
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

std::string find_tensorrt(const RuntimeInfo& runtime, const std::vector<std::string>& providers) {
    if (std::ranges::find(providers, "TensorrtExecutionProvider") == providers.end()) {
        throw Error(ErrorCode::failed,
                    fmt::format("TensorRT is missing: {} at {} was built without it; install one that has it, `pip "
                                "install \"onnxruntime-gpu[cuda,cudnn]\"`, and point --ort-library to its "
                                "capi/libonnxruntime.so.*, {}",
                                runtime.version, runtime.path, without));
    }
    std::error_code ignored;
    const fs::path provider = fs::canonical(runtime.path, ignored).parent_path() / provider_file;
    if (!fs::exists(provider, ignored)) {
        throw Error(ErrorCode::failed, fmt::format("TensorRT is missing: {} has no {} beside {}; install "
                                                   "onnxruntime-gpu anew, {}",
                                                   runtime.version, provider_file, runtime.path, without));
    }
    const std::vector<std::string> names = tensorrt_libraries(provider);
    if (names.empty()) {
        throw Error(ErrorCode::failed,
                    fmt::format("TensorRT is missing: {} names no libnvinfer that it was made for; install "
                                "onnxruntime-gpu anew, {}",
                                provider.string(), without));
    }
    const std::vector<std::string> folders = folders_beside(runtime.path);
    const int number = number_of(load(names.front(), folders, provider), names.front());
    for (const std::string& name : names) {
        // Plugins are for models with operators of their own; the runtime does without.
        std::string ignored_reason;
        const bool optional = name.find("_plugin") != std::string::npos;
        (void)(optional ? open_library(name, folders, Symbols::own, ignored_reason) : load(name, folders, provider));
    }
    return "TensorRT " + tensorrt_version(number);
}

std::string require_tensorrt(const std::string& library) {
    const RuntimeInfo runtime = load_runtime(library);
    return find_tensorrt(runtime, Ort::GetAvailableProviders());
}

ProviderOptions tensorrt_provider_options(device::DeviceId device, std::size_t memory, const RuntimeChoice& choice,
                                          const std::string& engine) {
    ProviderOptions options{
        {"device_id", std::to_string(device.index)},
        {"trt_engine_cache_enable", "1"},
        {"trt_engine_cache_path", engine},
        {"trt_timing_cache_enable", "1"},
        {"trt_timing_cache_path", (fs::path(engine) / timings).string()},
        // The model says by its types where it is float16; TensorRT is only allowed to follow.
        {"trt_fp16_enable", choice.weights == Weights::fp16 ? "1" : "0"},
        // Kernels are timed: two builds side by side would spoil each other's figures.
        {"trt_force_sequential_engine_build", "1"},
    };
    if (memory > 0) options.emplace_back("trt_max_workspace_size", std::to_string(memory));
    return options;
}

void append_tensorrt_provider(Ort::SessionOptions& session, const ProviderOptions& options, device::StreamRef stream) {
    const OrtApi& api = Ort::GetApi();
    try {
        OrtTensorRTProviderOptionsV2* made = nullptr;
        Ort::ThrowOnError(api.CreateTensorRTProviderOptions(&made));
        const TensorrtOptionsHandle provider(made);
        const KeysAndValues set(options);
        Ort::ThrowOnError(
            api.UpdateTensorRTProviderOptions(provider.get(), set.keys.data(), set.values.data(), set.keys.size()));
        // After the others, whose call begins with default options.
        Ort::ThrowOnError(
            api.UpdateTensorRTProviderOptionsWithValue(provider.get(), "user_compute_stream", stream.native));
        session.AppendExecutionProvider_TensorRT_V2(*provider);
    } catch (const Ort::Exception& failure) {
        throw Error(ErrorCode::failed,
                    fmt::format("ONNX Runtime's TensorRT provider does not start on {}: {}; install the TensorRT that "
                                "it was made for, {}",
                                device::to_string(stream.device), reason_of(failure), without));
    }
}

}  // namespace millrace::infer::ort
