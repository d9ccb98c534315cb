#include <algorithm>

#include "ops/bytes_cuda.h"
#include "ops/launch.cuh"

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

// Rounds half to even, clips; of NaN fmaxf makes 0.
__global__ void narrow_floats(const float* from, std::uint8_t* to, std::int64_t count) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
        to[i] = static_cast<std::uint8_t>(__float2int_rn(fminf(fmaxf(from[i], 0.0F), 255.0F)));
    }
}

template <class From, class To>
void launch(device::StreamRef stream, void (*kernel)(const From*, To*, std::int64_t), const From* from, To* to,
            std::int64_t count) {
    const Launching launching(stream);
    const auto blocks =
        static_cast<unsigned>(std::clamp<std::int64_t>((count + threads - 1) / threads, 1, most_blocks));
    kernel<<<blocks, static_cast<unsigned>(threads), 0, device::cuda::native(stream)>>>(from, to, count);
    launching.done("bytes");
}

}  // namespace

void widen_cuda(device::StreamRef stream, const std::uint8_t* from, float* to, std::int64_t count) {
    launch(stream, widen_bytes, from, to, count);
}

void narrow_cuda(device::StreamRef stream, const float* from, std::uint8_t* to, std::int64_t count) {
    launch(stream, narrow_floats, from, to, count);
}

}  // namespace millrace::ops
