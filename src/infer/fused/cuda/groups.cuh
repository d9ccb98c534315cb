#pragma once
// Values in memory as kernels of fused nets read and write them: eight channels of a pixel at once.

#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "infer/fused/arena.h"
#include "infer/fused/cuda/kernels.h"

namespace millrace::infer::fused::cuda {

/// Eight channels of a pixel, moved at once.
struct alignas(16) Group {
    __half values[channel_group];
};

/// A group's values, to compute with.
struct Values {
    float at[channel_group];
};

__device__ inline Values load(const Group* from) {
    const uint4 bits = *reinterpret_cast<const uint4*>(from);
    __half2 pairs[channel_group / 2];
    static_assert(sizeof(pairs) == sizeof(bits));
    std::memcpy(pairs, &bits, sizeof(bits));
    Values values;
#pragma unroll
    for (int i = 0; i < channel_group / 2; ++i) {
        const float2 pair = __half22float2(pairs[i]);
        values.at[2 * i] = pair.x;
        values.at[2 * i + 1] = pair.y;
    }
    return values;
}

/// Rounds to the nearest.
__device__ inline void store(Group* to, const Values& values) {
    __half2 pairs[channel_group / 2];
#pragma unroll
    for (int i = 0; i < channel_group / 2; ++i) {
        pairs[i] = __floats2half2_rn(values.at[2 * i], values.at[2 * i + 1]);
    }
    uint4 bits;
    std::memcpy(&bits, pairs, sizeof(bits));
    *reinterpret_cast<uint4*>(to) = bits;
}

/// f(a's value, b's) of each channel.
template <class F>
__device__ Values both(const Values& a, const Values& b, F f) {
    Values result;
#pragma unroll
    for (int i = 0; i < channel_group; ++i) result.at[i] = f(a.at[i], b.at[i]);
    return result;
}

__device__ inline Values filled(float value) {
    Values values;
#pragma unroll
    for (float& each : values.at) each = value;
    return values;
}

/// What a kernel computes of one pixel at once: a group of channels, or one channel.
__device__ inline Values operator+(const Values& a, const Values& b) {
    return both(a, b, [](float x, float y) { return x + y; });
}
__device__ inline Values operator*(const Values& a, float b) {
    Values result;
#pragma unroll
    for (int i = 0; i < channel_group; ++i) result.at[i] = a.at[i] * b;
    return result;
}

/// A value in memory.
struct View {
    const Group* data = nullptr;
    int channels = 0;
    int height = 0;
    int width = 0;
    int groups = 0;  ///< of a pixel

    [[nodiscard]] __device__ const Group* pixel(int n, int y, int x) const {
        return data + static_cast<std::int64_t>(n * height + y) * (width * groups) + x * groups;
    }
    [[nodiscard]] __device__ Values group(int n, int y, int x, int g) const { return load(pixel(n, y, x) + g); }
    [[nodiscard]] __device__ float channel(int n, int y, int x, int c) const {
        return __half2float(reinterpret_cast<const __half*>(pixel(n, y, x))[c]);
    }
};

inline View view_of(const Pixels& pixels) {
    return {reinterpret_cast<const Group*>(pixels.data), pixels.shape.channels, pixels.shape.height, pixels.shape.width,
            pixels.stride / channel_group};
}

}  // namespace millrace::infer::fused::cuda
