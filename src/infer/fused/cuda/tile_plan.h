#pragma once
// Our own kernel among the plans of a convolution. Private to src/infer/fused/cuda.

#include <cstdint>
#include <memory>
#include <span>

#include "device/device.h"
#include "infer/fused/cuda/convolution_plan.h"

namespace millrace::infer::fused::cuda {

/// nullptr: the kernel is not for this site, or not for the stream's device. It is for Hopper, kernels of up to 3 x 3
/// of stride 1, up to 64 channels in, and steps on constants.
[[nodiscard]] std::unique_ptr<ConvolutionPlan> make_tile_plan(device::StreamRef stream, const ConvolutionSite& site);

/// Whether a tile plan gave these as its bytes().
[[nodiscard]] bool is_tile_plan(std::span<const std::uint8_t> bytes);

}  // namespace millrace::infer::fused::cuda
