#pragma once
// How kernels of fused nets are launched.

#include <cuda_runtime.h>

#include <cstdint>

#include "device/cuda/launch.h"

namespace millrace::infer::fused::cuda {

using device::cuda::Launching;

inline constexpr unsigned threads = 256;

inline unsigned blocks_for(std::int64_t count) { return static_cast<unsigned>((count + threads - 1) / threads); }

__device__ inline std::int64_t thread_index() {
    return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

}  // namespace millrace::infer::fused::cuda
