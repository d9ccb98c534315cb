#pragma once
// ONNX Runtime's CUDA provider: whether it is there, what it is told, what its failures mean.

#include <onnxruntime_cxx_api.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/device.h"
#include "infer/runtime_choice.h"

namespace millrace::infer::ort {

/// Throws Error(failed) that names the library and what to install where it was built without CUDA. Else loads the
/// CUDA and cuDNN libraries that lie beside it when they came as Python packages: the loader would not look there.
void require_cuda_provider(const std::string& library);

/// The folders of CUDA and cuDNN packages beside a runtime of path SITE/onnxruntime/capi/libonnxruntime.so.*: the
/// SITE/nvidia/*/lib that exist.
[[nodiscard]] std::vector<std::string> package_folders(const std::string& library);

/// The runtime's own words without the places in its source.
[[nodiscard]] std::string reason_of(const Ort::Exception& failure);

using ProviderOptions = std::vector<std::pair<std::string, std::string>>;

/// Options as ONNX Runtime's C interface takes them. Borrowed.
struct KeysAndValues {
    explicit KeysAndValues(const ProviderOptions& options);

    std::vector<const char*> keys;
    std::vector<const char*> values;
};

/// Keys and values as in the provider's documentation. `memory`: bytes, 0 for no limit.
[[nodiscard]] ProviderOptions cuda_provider_options(device::DeviceId device, std::size_t memory,
                                                    const RuntimeChoice& choice);

/// Run the session on `stream`, which outlives it. Throws Error(failed) that says what is missing.
void append_cuda_provider(Ort::SessionOptions& session, const ProviderOptions& options, device::StreamRef stream);

/// What of the session's own options a choice needs: no fusion of convolutions with what follows them where data is
/// nchw. The provider clears the fused result on another stream than ours, so that with runs that are not waited for
/// it may clear memory that is still in use.
void add_choice(Ort::SessionOptions& session, const RuntimeChoice& choice);

/// Words for a failure of the provider: `doing`, the runtime's reason, what to do about it. Throws Error:
/// out_of_memory, failed where a library or the device is the reason, else `otherwise`.
[[noreturn]] void refuse_cuda(const Ort::Exception& failure, const std::string& doing, std::size_t memory,
                              core::ErrorCode otherwise = core::ErrorCode::bad_input);

}  // namespace millrace::infer::ort
