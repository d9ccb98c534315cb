#include "core/error.h"
#include "device/cuda/probe.h"

namespace millrace::device {

namespace {

[[noreturn]] void absent(int index) {
    throw core::Error(core::ErrorCode::failed, "cuda:" + std::to_string(index) +
                                                   ": this millrace was built without CUDA; build the preset `cuda`, "
                                                   "or choose the device cpu");
}

}  // namespace

std::vector<CudaDeviceInfo> cuda_devices() { return {}; }

CudaMemory cuda_memory(int index) { absent(index); }

bool built_with_cuda() { return false; }

std::string cuda_build_description() { return "built without CUDA"; }

bool cuda_self_test(int index) { absent(index); }

}  // namespace millrace::device
