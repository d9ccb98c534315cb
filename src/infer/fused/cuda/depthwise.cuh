#pragma once
// Convolutions of each channel by itself.

#include "infer/fused/cuda/slices.cuh"

namespace millrace::infer::fused::cuda {

struct Depthwise {
    View in;
    const Group* weights;  ///< depthwise_weights()
    int kernel;            ///< rows
    int stride;            ///< from row to row
    int top;
    int left;
};

/// Pixels beside one another that a thread computes: they share what they read.
inline constexpr int depthwise_pixels = 4;

/// Sums in float32, tap by tap in the order of the weights; what lies beyond the picture is left out.
template <int Kernel, int Stride>
__device__ void convolve(const Depthwise& conv, const Place& at, Values (&sums)[depthwise_pixels]) {
    const View& in = conv.in;
    const int u0 = at.x * Stride - conv.left;
    for (int ky = 0; ky < conv.kernel; ++ky) {
        const int v = at.y * conv.stride - conv.top + ky;
        if (v < 0 || v >= in.height) continue;
        Values taps[Kernel];
#pragma unroll
        for (int kx = 0; kx < Kernel; ++kx) {
            taps[kx] = load(conv.weights + (ky * Kernel + kx) * in.groups + at.group);
        }
        const Group* row = in.pixel(at.n, v, 0) + at.group;
#pragma unroll
        for (int i = 0; i < (depthwise_pixels - 1) * Stride + Kernel; ++i) {
            const int u = u0 + i;
            if (u < 0 || u >= in.width) continue;
            const Values value = load(row + u * in.groups);
#pragma unroll
            for (int p = 0; p < depthwise_pixels; ++p) {
                const int kx = i - p * Stride;
                if (kx < 0 || kx >= Kernel) continue;
#pragma unroll
                for (int c = 0; c < channel_group; ++c) {
                    sums[p].at[c] = __fmaf_rn(value.at[c], taps[kx].at[c], sums[p].at[c]);
                }
            }
        }
    }
}

template <int Kernel, int Stride>
__global__ void depthwise(const __grid_constant__ Depthwise conv, const __grid_constant__ Steps steps,
                          const __grid_constant__ Slice slice, Group* out) {
    const std::uint32_t thread = blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= slice.count) return;
    Place at = slice.place(thread, depthwise_pixels);
    Values sums[depthwise_pixels] = {};
    if (at.group * channel_group < slice.channels) convolve<Kernel, Stride>(conv, at, sums);
#pragma unroll
    for (int p = 0; p < depthwise_pixels; ++p) {
        if (at.x >= slice.width) return;
        apply(steps, at, sums[p]);
        store_channels(slice, at, sums[p], out);
        ++at.x;
        at.index += steps.groups;
    }
}

}  // namespace millrace::infer::fused::cuda
