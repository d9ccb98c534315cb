#include "infer/fused/cuda/cudnn.h"

#include <cudnn_frontend.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <mutex>

#include "core/error.h"
#include "device/cuda/check.h"
#include "infer/fused/cudnn_library.h"
#include "infer/shared_library.h"

// What cudnn-frontend finds cuDNN's functions in.
namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}

namespace millrace::infer::fused {
namespace {

using core::Error;
using core::ErrorCode;

constexpr const char* library_name = "libcudnn.so.9";
constexpr std::size_t oldest = 91000;
constexpr const char* advice =
    "install cuDNN 9.10 or later for CUDA 13, with `pip install \"nvidia-cudnn-cu13>=9.10\"` beside ONNX Runtime or "
    "from NVIDIA's packages, or leave out --runtime fused";

void* find(const std::vector<std::string>& folders) {
    if (void* loaded = dlopen(library_name, RTLD_NOW | RTLD_NOLOAD)) return loaded;
    std::string looked;
    if (void* handle = open_library(library_name, folders, Symbols::shared, looked)) return handle;
    throw Error(ErrorCode::failed,
                fmt::format("cuDNN is missing: {} was looked for {}; {}", library_name, looked, advice));
}

}  // namespace

std::string require_cudnn(const std::vector<std::string>& folders) {
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    if (cudnn_frontend::cudnn_dlhandle == nullptr) cudnn_frontend::cudnn_dlhandle = find(folders);
    const std::size_t version = cudnn_frontend::detail::get_backend_version();
    const std::string text = fmt::format("cuDNN {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
    if (version < oldest)
        throw Error(ErrorCode::failed, fmt::format("{} is too old for fused layers; {}", text, advice));
    return text;
}

namespace cudnn {

Handle::Handle(device::StreamRef stream) : stream_(stream) {
    const device::cuda::CurrentDevice current(stream.device.index);
    if (const cudnnStatus_t status = cudnn_frontend::detail::create_handle(&handle_); status != CUDNN_STATUS_SUCCESS) {
        throw Error(ErrorCode::failed, fmt::format("cuDNN does not start on {}: {}", device::to_string(stream.device),
                                                   cudnn_frontend::detail::get_error_string(status)));
    }
    cudnn_frontend::detail::set_stream(handle_, device::cuda::native(stream));
}

Handle::~Handle() { cudnn_frontend::detail::destroy_handle(handle_); }

}  // namespace cudnn
}  // namespace millrace::infer::fused
