#pragma once
// Where a net's values lie in one block of memory.

#include <cstddef>
#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// Bytes of one channel's group: channels are padded to a multiple of it.
inline constexpr int channel_group = 8;
/// What convolutions read has this many at least: of eight, cuDNN's fused kernels are half as fast.
inline constexpr int least_convolved = 16;

/// Channels with their padding, in the order of net.values. Values that are summed or multiplied have the same.
[[nodiscard]] std::vector<int> padded_channels(const Net& net);

struct Arena {
    std::vector<std::size_t> offsets;  ///< of each value, in bytes; multiples of 256
    std::size_t bytes = 0;
};

/// Values that are never there at the same time share memory: one is there from the layer that writes it (inputs: from
/// the beginning) to the last one that reads it (outputs: to the end). First fit, in the order of the layers.
[[nodiscard]] Arena plan_arena(const Net& net);

}  // namespace millrace::infer::fused
