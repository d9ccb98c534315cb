#pragma once
// ONNX Runtime's TensorRT provider: whether it is there, and what it is told.

#include <onnxruntime_cxx_api.h>

#include <filesystem>
#include <string>
#include <vector>

#include "device/device.h"
#include "infer/onnxruntime/cuda_provider.h"
#include "infer/runtime_choice.h"
#include "infer/session.h"

namespace millrace::infer::ort {

/// Loads TensorRT's libraries and says which they are: "TensorRT 10.13.3". Throws Error(failed) that names what was
/// looked for, where, and what to install.
[[nodiscard]] std::string require_tensorrt(const std::string& library);

/// The same for a runtime that was found to have these providers ("TensorrtExecutionProvider").
[[nodiscard]] std::string find_tensorrt(const RuntimeInfo& runtime, const std::vector<std::string>& providers);

/// The libraries of TensorRT that ONNX Runtime's provider uses, by the names in its file, libnvinfer first:
/// "libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10".
[[nodiscard]] std::vector<std::string> tensorrt_libraries(const std::filesystem::path& provider);

/// What libnvinfer's getInferLibVersion() means: 101303 is "10.13.3", 8601 "8.6.1".
[[nodiscard]] std::string tensorrt_version(int number);

/// Keys and values as in the provider's documentation. `memory`: bytes that building may take, 0 for no limit.
/// `engine`: the folder where the engine lies, or is put;
/// measured times of kernels lie in `timings` below it.
[[nodiscard]] ProviderOptions tensorrt_provider_options(device::DeviceId device, std::size_t memory,
                                                        const RuntimeChoice& choice, const std::string& engine);

/// As append_cuda_provider(); before it, so that TensorRT has the first choice of nodes.
void append_tensorrt_provider(Ort::SessionOptions& session, const ProviderOptions& options, device::StreamRef stream);

}  // namespace millrace::infer::ort
