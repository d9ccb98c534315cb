#pragma once
// Errors and the current device, for sources that call the CUDA runtime.

#include <cuda_runtime_api.h>

#include <source_location>

#include "device/device.h"

namespace millrace::device::cuda {

/// Throws Error unless `result` is success: "cuda:0: cudaLaunchKernel failed: invalid argument
/// (cudaErrorInvalidValue)". out_of_memory for cudaErrorMemoryAllocation, else failed.
void check(cudaError_t result, const char* api, int index,
           std::source_location location = std::source_location::current());

/// Notes an error that cannot be thrown (destructors), so that cuda_lost() knows.
void note(cudaError_t result, int index) noexcept;

/// Makes a device the thread's current one; restores the former. A former one that nobody in this process uses stays
/// untouched, and this one stays current: setting it would make a context there, hundreds of MiB of a GPU that the job
/// was not given.
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

/// While it lives the calling thread may ask after events and allocate although another thread captures a graph, as
/// ONNX Runtime does in the mode that forbids this to every thread and spoils the capture. Nothing here is enqueued on
/// a stream that captures.
class BesideCaptures {
  public:
    BesideCaptures() noexcept;
    ~BesideCaptures();
    BesideCaptures(const BesideCaptures&) = delete;
    BesideCaptures& operator=(const BesideCaptures&) = delete;
    BesideCaptures(BesideCaptures&&) = delete;
    BesideCaptures& operator=(BesideCaptures&&) = delete;

  private:
    cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

[[nodiscard]] inline cudaStream_t native(StreamRef stream) { return static_cast<cudaStream_t>(stream.native); }

}  // namespace millrace::device::cuda
