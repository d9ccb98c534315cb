// Opening devices in a build without CUDA.

#include <fmt/core.h>

#include "core/error.h"
#include "media/nvidia/context.h"
#include "media/nvidia/library.h"

namespace millrace::media::nvidia {

namespace {

[[noreturn]] void absent(int index) {
    throw core::Error(core::ErrorCode::failed, fmt::format("cuda:{}: built without CUDA", index));
}

}  // namespace

const Library& open_library(int index) { absent(index); }

void* primary_context(int index) { absent(index); }

}  // namespace millrace::media::nvidia
