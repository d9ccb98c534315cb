#pragma once
// What surrounds a net's layers, and layers that are no convolutions. Private to src/infer/fused/cuda.
//
// Pixels are float16 [N, height, width, stride] with `stride` channels a pixel, a multiple of eight, the ones behind
// `channels` zero. Calls enqueue on a stream of the memory's device. Throws Error(failed).

#include "core/tensor_desc.h"
#include "device/device.h"
#include "infer/fused/net.h"

namespace millrace::infer::fused::cuda {

/// A value in memory.
struct Pixels {
    std::byte* data = nullptr;
    int batch = 1;
    Value shape;
    int stride = 0;  ///< channels with padding
};

/// From [N, channels, height, width] of float32 or float16 at `planes`, rounding to the nearest.
void pack(device::StreamRef stream, const std::byte* planes, core::DType type, const Pixels& to);

/// To [N, C, H, W] of float32 or float16 at `planes`; with blocks, each pixel's channels become a square of pixels.
/// `from.shape` is the source's; block 1: as it is. Blocks of 1 to most_unpacked (asserted).
inline constexpr int most_unpacked = 4;
void unpack(device::StreamRef stream, const Pixels& from, const DepthToSpace& blocks, std::byte* planes,
            core::DType type);

}  // namespace millrace::infer::fused::cuda
