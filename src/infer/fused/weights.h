#pragma once
// Weights and constants of layers as the GPU reads them: float16, with channels padded by zeros.

#include <cstdint>
#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// float16 values, as bits.
using Halves = std::vector<std::uint16_t>;

/// What float16 has nearest; beyond its range its largest.
[[nodiscard]] std::uint16_t half_of_weight(float value);

/// [padded out, kernel.y, kernel.x, padded in], transposed [padded in, kernel.y, kernel.x, padded out], with zeros
/// where groups leave out a pair of channels. The counts are those of the layer's input and output.
struct ChannelCounts {
    int in = 0;
    int padded_in = 0;
    int padded_out = 0;
};
[[nodiscard]] Halves arranged_weights(const Convolution& convolution, const ChannelCounts& channels);

/// A constant for each of `channels`, of one for all or one each, padded by zeros. Values beyond float16's range become
/// its largest.
[[nodiscard]] Halves arranged_constants(const std::vector<float>& constants, int channels, int padded);

}  // namespace millrace::infer::fused
