// open_library() of a build without CUDA.

#include <fmt/core.h>

#include "core/error.h"
#include "media/nvidia/library.h"

namespace millrace::media::nvidia {

const Library& open_library(int index) {
    throw core::Error(core::ErrorCode::failed, fmt::format("cuda:{}: built without CUDA", index));
}

}  // namespace millrace::media::nvidia
