#pragma once
// Convolutions on Hopper's tensor cores by a kernel of our own. Private to src/infer/fused/cuda.

#include <cstddef>

#include "device/device.h"
#include "infer/fused/net.h"

namespace millrace::infer::fused::cuda {

/// Steps behind a convolution that the kernel has room for.
constexpr int most_tile_steps = 4;
/// Channels that the kernel reads at the most.
constexpr int most_tile_channels = 64;
constexpr int most_tile_kernel = 3;

/// What follows the sums, on constants alone: add, multiply, prelu, clip.
struct TileStep {
    Pointwise::Kind kind = Pointwise::Kind::add;
    float low = 0;
    float high = 0;
    const std::byte* constants = nullptr;  ///< float16, one for each channel; null: none
};

/// One convolution of stride 1 on the device; channels are those of the memory.
struct TileConvolution {
    int batch = 1;
    Value input;
    Value output;
    Step kernel;
    Pads pads;
    const std::byte* pixels = nullptr;
    const std::byte* weights = nullptr;  ///< arranged_weights()
    std::byte* result = nullptr;
    int steps = 0;
    TileStep step[most_tile_steps];  // NOLINT(*-avoid-c-arrays): read by kernels
};

/// Whether the stream's device is Hopper. Throws Error(failed).
[[nodiscard]] bool runs_tiles(device::StreamRef stream);

/// Enqueue it. Throws Error(failed).
void convolve_tiles(device::StreamRef stream, const TileConvolution& convolution);

}  // namespace millrace::infer::fused::cuda
