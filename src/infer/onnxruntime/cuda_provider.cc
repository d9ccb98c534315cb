#include "infer/onnxruntime/cuda_provider.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/session.h"

namespace millrace::infer::ort {
namespace {

using core::Error;
using core::ErrorCode;

constexpr const char* advice =
    R"(install one with CUDA, `pip install "onnxruntime-gpu[cuda,cudnn]"`, and point --ort-library to its capi/libonnxruntime.so.*)";
constexpr const char* advice_on_parts =
    R"(install CUDA 13 and cuDNN 9, with `pip install "onnxruntime-gpu[cuda,cudnn]"` or from the system's packages, )"
    "and put their folders on LD_LIBRARY_PATH where they lie elsewhere";

/// In the order in which they need one another.
constexpr std::array<std::string_view, 7> parts{"libcudart.so.", "libcublasLt.so.", "libcublas.so.", "libcurand.so.",
                                                "libnvrtc.so.",  "libcufft.so.",    "libcudnn.so."};

struct FreeCudaOptions {
    void operator()(OrtCUDAProviderOptionsV2* options) const { Ort::GetApi().ReleaseCUDAProviderOptions(options); }
};
using CudaOptionsHandle = std::unique_ptr<OrtCUDAProviderOptionsV2, FreeCudaOptions>;

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [text](std::string_view word) { return text.find(word) != text.npos; });
}

const char* advice_for(const std::string& reason) {
    return mentions(reason, {"driver"}) ? "install a newer NVIDIA driver" : advice_on_parts;
}

/// Loaded under its own name, a library is found again by whoever asks for that name.
void load_part(const std::filesystem::path& file) {
    if (dlopen(file.filename().c_str(), RTLD_LAZY | RTLD_NOLOAD) != nullptr) return;
    if (dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
        const char* reason = dlerror();
        core::log::debug("{} not loaded: {}", file.string(), reason != nullptr ? reason : "no reason given");
    }
}

}  // namespace

std::string reason_of(const Ort::Exception& failure) {
    std::string_view reason = failure.what();
    // "/path/provider_bridge_ort.cc:2043 onnxruntime::Provider& ...::Get() [ONNXRuntimeError] : 1 : FAIL : the reason"
    if (const std::size_t at = reason.find("[ONNXRuntimeError] : "); at != std::string_view::npos) {
        const std::size_t category = reason.find(" : ", at + std::string_view("[ONNXRuntimeError] : ").size());
        const std::size_t text = category == std::string_view::npos ? category : reason.find(" : ", category + 3);
        if (text != std::string_view::npos) reason.remove_prefix(text + 3);
    }
    // " ; GPU=-1 ; hostname=... ; file=... ; expr=..."
    reason = reason.substr(0, reason.find(" ; GPU="));
    while (!reason.empty() && (reason.back() == '\n' || reason.back() == '.' || reason.back() == ' ')) {
        reason.remove_suffix(1);
    }
    return std::string(reason);
}

std::vector<std::string> package_folders(const std::string& library) {
    std::error_code ignored;
    const std::filesystem::path real = std::filesystem::canonical(library, ignored);
    const std::filesystem::path packages = real.parent_path().parent_path().parent_path() / "nvidia";
    std::vector<std::string> folders;
    for (const auto& entry : std::filesystem::directory_iterator(packages, ignored)) {
        const std::filesystem::path folder = entry.path() / "lib";
        if (std::filesystem::is_directory(folder, ignored)) folders.push_back(folder);
    }
    std::ranges::sort(folders);
    return folders;
}

void require_cuda_provider(const std::string& library) {
    const RuntimeInfo info = load_runtime(library);
    const std::vector<std::string> providers = Ort::GetAvailableProviders();
    if (std::ranges::find(providers, "CUDAExecutionProvider") == providers.end()) {
        throw Error(ErrorCode::failed,
                    fmt::format("{} at {} was built without CUDA; {}", info.version, info.path, advice));
    }
    const std::vector<std::string> folders = package_folders(info.path);
    std::error_code ignored;
    for (const std::string_view part : parts) {
        for (const std::string& folder : folders) {
            for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
                if (entry.path().filename().string().starts_with(part)) load_part(entry.path());
            }
        }
    }
}

ProviderOptions cuda_provider_options(device::DeviceId device, std::size_t memory, const RuntimeChoice& choice) {
    ProviderOptions options{
        {"device_id", std::to_string(device.index)},
        // Powers of two, the default, take up to twice what a model of one shape needs.
        {"arena_extend_strategy", "kSameAsRequested"},
        {"cudnn_conv_algo_search", choice.search == ConvSearch::heuristic ? "HEURISTIC" : "EXHAUSTIVE"},
        {"do_copy_in_default_stream", "1"},
        {"prefer_nhwc", choice.layout == ConvLayout::nhwc ? "1" : "0"},
        {"use_tf32", choice.math == FloatMath::tf32 ? "1" : "0"},
    };
    if (memory > 0) options.emplace_back("gpu_mem_limit", std::to_string(memory));
    return options;
}

KeysAndValues::KeysAndValues(const ProviderOptions& options) {
    for (const auto& [key, value] : options) {
        keys.push_back(key.c_str());
        values.push_back(value.c_str());
    }
}

void append_cuda_provider(Ort::SessionOptions& session, const ProviderOptions& options, device::StreamRef stream) {
    const OrtApi& api = Ort::GetApi();
    try {
        OrtCUDAProviderOptionsV2* made = nullptr;
        Ort::ThrowOnError(api.CreateCUDAProviderOptions(&made));
        const CudaOptionsHandle provider(made);
        const KeysAndValues set(options);
        Ort::ThrowOnError(
            api.UpdateCUDAProviderOptions(provider.get(), set.keys.data(), set.values.data(), set.keys.size()));
        // After the others, whose call begins with default options.
        Ort::ThrowOnError(api.UpdateCUDAProviderOptionsWithValue(provider.get(), "user_compute_stream", stream.native));
        session.AppendExecutionProvider_CUDA_V2(*provider);
    } catch (const Ort::Exception& failure) {
        const std::string reason = reason_of(failure);
        const std::string doing =
            fmt::format("ONNX Runtime's CUDA provider does not start on {}", device::to_string(stream.device));
        if (says_out_of_memory(reason)) refuse_cuda(failure, doing, 0);
        throw Error(ErrorCode::failed, fmt::format("{}: {}; {}", doing, reason, advice_for(reason)));
    }
}

void add_choice(Ort::SessionOptions& session, const RuntimeChoice& choice) {
    if (choice.layout == ConvLayout::nhwc) return;
    session.AddConfigEntry("optimization.disable_specified_optimizers", "ConvActivationFusion;ConvAddActivationFusion");
}

void refuse_cuda(const Ort::Exception& failure, const std::string& doing, std::size_t memory,
                 core::ErrorCode otherwise) {
    const std::string reason = reason_of(failure);
    if (says_out_of_memory(reason)) {
        const std::string budget = memory > 0 ? fmt::format("{} bytes", memory) : "the device's memory";
        throw Error(ErrorCode::out_of_memory,
                    fmt::format("{}: it does not fit {} ({}); raise --gpu-memory, or lower the batch or the tile",
                                doing, budget, reason));
    }
    if (mentions(reason, {"libcu", "libnv", "libonnxruntime_providers", "cudnn library", "cuDNN library"})) {
        throw Error(ErrorCode::failed, fmt::format("{}: {}; {}", doing, reason, advice_on_parts));
    }
    const bool device = mentions(reason, {"CUDA failure", "CUDA error", "CUDNN", "CUBLAS", "cudnn"});
    throw Error(device ? ErrorCode::failed : otherwise, fmt::format("{}: {}", doing, reason));
}

}  // namespace millrace::infer::ort
