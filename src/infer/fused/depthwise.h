#pragma once
// Convolutions of each channel by itself: what they read and compute is bound by memory, and cuDNN's tensor cores have
// nothing to do in them.

#include "infer/fused/net.h"
#include "infer/fused/weights.h"

namespace millrace::infer::fused {

/// Whether a kernel of ours computes a convolution of `channels`: one channel of output for each of input, 3, 5 or 7
/// wide, strides across of 1 or 2, not dilated.
[[nodiscard]] bool is_depthwise(const Convolution& convolution, int channels);

/// [kernel.y, kernel.x, padded] of such weights.
[[nodiscard]] Halves depthwise_weights(const Convolution& convolution, int padded);

}  // namespace millrace::infer::fused
