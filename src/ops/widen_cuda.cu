#include <algorithm>

#include "ops/launch.cuh"
#include "ops/widen_cuda.h"

namespace millrace::ops {

namespace {

constexpr std::int64_t threads = 256;
constexpr std::int64_t most_blocks = 8192;

__global__ void widen_bytes(const std::uint8_t* from, float* to, std::int64_t count) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
        to[i] = static_cast<float>(from[i]);
    }
}

}  // namespace

void widen_cuda(device::StreamRef stream, const std::uint8_t* from, float* to, std::int64_t count) {
    const device::cuda::CurrentDevice current(stream.device.index);
    const device::cuda::BesideCaptures beside;  // a kernel's first launch loads it
    forget_errors();
    const auto blocks =
        static_cast<unsigned>(std::clamp<std::int64_t>((count + threads - 1) / threads, 1, most_blocks));
    widen_bytes<<<blocks, static_cast<unsigned>(threads), 0, device::cuda::native(stream)>>>(from, to, count);
    check_launch("widen", stream);
}

}  // namespace millrace::ops
