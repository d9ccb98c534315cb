#include "media/nvidia/library.h"

#include <fmt/core.h>

#include "core/error.h"

namespace millrace::media::nvidia {

InContext::InContext(const Library& library) : library_(library) {
    const CUresult result = library.call.push_context(library.context);
    if (result != CUDA_SUCCESS) throw_failure(library, result, "cuCtxPushCurrent", "entering the device");
}

InContext::~InContext() {
    CUcontext popped = nullptr;
    library_.call.pop_context(&popped);
}

void throw_failure(const Library& library, CUresult result, const char* api, const std::string& doing) {
    const char* name = nullptr;
    if (library.call.error_name != nullptr) library.call.error_name(result, &name);
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("cuda:{}: {} failed ({}, {}): {}", library.index, api,
                                  name != nullptr ? name : "unknown error", static_cast<int>(result), doing));
}

// Codes of cuda.h's CUresult, of which the headers for loading at run time name three.
bool is_fatal(CUresult result) {
    const int code = static_cast<int>(result);
    const bool memory_or_process = code >= out_of_memory && code <= 5;  // out of memory, (de)initialised, profiler
    const bool device = code == 46 || code == 100 || code == 101;       // unavailable, none, invalid
    const bool context = code == 201 || code == 214 || code == 219 || code == 220 || code == 226;
    const bool execution = code >= 700 && code < 800;  // illegal address, launch failure, destroyed context, ...
    return memory_or_process || device || context || execution;
}

}  // namespace millrace::media::nvidia
