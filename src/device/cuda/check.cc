#include "device/cuda/check.h"

#include <fmt/format.h>

#include <array>
#include <atomic>

#include "core/error.h"
#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

constexpr int most_devices = 64;

// Constant-initialised, never destroyed before the threads that note errors.
std::array<std::atomic<bool>, most_devices>& lost() {
    static std::array<std::atomic<bool>, most_devices> flags{};
    return flags;
}

// Errors after which every call fails until the process ends (CUDA's documentation of cudaError_t says so of each).
bool is_sticky(cudaError_t result) {
    switch (result) {
        case cudaErrorIllegalAddress:
        case cudaErrorLaunchTimeout:
        case cudaErrorAssert:
        case cudaErrorHardwareStackError:
        case cudaErrorIllegalInstruction:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorLaunchFailure:
        case cudaErrorECCUncorrectable:
        case cudaErrorNvlinkUncorrectable:
        case cudaErrorContained:
        case cudaErrorTensorMemoryLeak:
        case cudaErrorExternalDevice:
        case cudaErrorMpsClientTerminated:
        case cudaErrorContextIsDestroyed:
        case cudaErrorUnknown:
            return true;
        default:
            return false;
    }
}

// Whether anybody in this process uses the device already. A driver that cannot tell is taken to say yes.
bool in_use(int index) {
    using Get = int(int device, unsigned* flags, int* active);  // cuDevicePrimaryCtxGetState; devices count alike
    static Get* const get = [] {
        constexpr unsigned since = 7000;  // CUDA 7.0
        void* function = nullptr;
        cudaDriverEntryPointQueryResult found{};
        const cudaError_t result =
            cudaGetDriverEntryPointByVersion("cuDevicePrimaryCtxGetState", &function, since, cudaEnableDefault, &found);
        if (result != cudaSuccess) static_cast<void>(cudaGetLastError());
        const bool there = result == cudaSuccess && found == cudaDriverEntryPointSuccess;
        return there ? reinterpret_cast<Get*>(function) : nullptr;  // NOLINT(*-reinterpret-cast)
    }();
    unsigned flags = 0;
    int active = 1;
    return get == nullptr || get(index, &flags, &active) != 0 || active != 0;
}

}  // namespace

bool cuda_lost(int index) { return index >= 0 && index < most_devices && lost().at(static_cast<std::size_t>(index)); }

namespace cuda {

void note(cudaError_t result, int index) noexcept {
    if (result == cudaSuccess) return;
    // Not left for the next call, which would report it as its own.
    static_cast<void>(cudaGetLastError());
    if (is_sticky(result) && index >= 0 && index < most_devices) lost()[static_cast<std::size_t>(index)] = true;
}

void check(cudaError_t result, const char* api, int index, std::source_location location) {
    if (result == cudaSuccess) return;
    note(result, index);
    const char* advice = is_sticky(result) ? "; the device is lost to this process: end it and resume" : "";
    const bool full = result == cudaErrorMemoryAllocation;
    throw core::Error(full ? core::ErrorCode::out_of_memory : core::ErrorCode::failed,
                      fmt::format("cuda:{}: {} failed: {} ({}){}", index, api, cudaGetErrorString(result),
                                  cudaGetErrorName(result), advice),
                      location);
}

CurrentDevice::CurrentDevice(int index) {
    int current = -1;
    check(cudaGetDevice(&current), "cudaGetDevice", index);
    if (current == index) return;
    check(cudaSetDevice(index), "cudaSetDevice", index);
    if (in_use(current)) former_ = current;
}

CurrentDevice::~CurrentDevice() {
    if (former_ >= 0) note(cudaSetDevice(former_), former_);
}

// The call swaps the thread's mode and the variable. It needs no device and cannot fail with a valid mode.
BesideCaptures::BesideCaptures() noexcept { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }
BesideCaptures::~BesideCaptures() { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }

}  // namespace cuda
}  // namespace millrace::device
