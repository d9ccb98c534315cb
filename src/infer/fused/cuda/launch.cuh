#pragma once
// How kernels of fused nets are launched.

#include <cuda_runtime.h>

#include <cstdint>

#include "device/cuda/check.h"

namespace millrace::infer::fused::cuda {

inline constexpr unsigned threads = 256;

inline unsigned blocks_for(std::int64_t count) { return static_cast<unsigned>((count + threads - 1) / threads); }

__device__ inline std::int64_t thread_index() {
    return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

/// Around a launch. An error that a library left behind on this thread before is not the launch's.
class Launching {
  public:
    explicit Launching(device::StreamRef stream) : current_(stream.device.index), index_(stream.device.index) {
        static_cast<void>(cudaGetLastError());
    }
    void done(const char* kernel) const { device::cuda::check(cudaGetLastError(), kernel, index_); }

  private:
    device::cuda::CurrentDevice current_;
    device::cuda::BesideCaptures beside_;  ///< a kernel's first launch loads it
    int index_;
};

}  // namespace millrace::infer::fused::cuda
