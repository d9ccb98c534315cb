#include "core/error.h"
#include "infer/fused/cudnn_library.h"

namespace millrace::infer::fused {

std::string require_cudnn(const std::vector<std::string>& /*folders*/) {
    throw core::Error(
        core::ErrorCode::failed,
        "fused layers run on a GPU, and this program was built without CUDA; build it with -DMILLRACE_CUDA=ON, "
        "or leave out --runtime fused");
}

}  // namespace millrace::infer::fused
