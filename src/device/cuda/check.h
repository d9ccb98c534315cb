#pragma once
// Errors and the current device, for sources that call the CUDA runtime.

#include <cuda_runtime_api.h>

#include <source_location>

#include "device/device.h"

namespace millrace::device::cuda {

/// Throws Error(failed) unless `result` is success: "cuda:0: cudaMalloc failed: out of memory (cudaErrorMemory...)".
void check(cudaError_t result, const char* api, int index,
           std::source_location location = std::source_location::current());

/// Notes an error that cannot be thrown (destructors), so that cuda_lost() knows.
void note(cudaError_t result, int index) noexcept;

/// Makes a device the thread's current one; restores the former.
class CurrentDevice {
  public:
    explicit CurrentDevice(int index);
    ~CurrentDevice();
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;
    CurrentDevice(CurrentDevice&&) = delete;
    CurrentDevice& operator=(CurrentDevice&&) = delete;

  private:
    int former_ = -1;  ///< -1: nothing to restore
};

[[nodiscard]] inline cudaStream_t native(StreamRef stream) { return static_cast<cudaStream_t>(stream.native); }

}  // namespace millrace::device::cuda
