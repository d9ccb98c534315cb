#pragma once
// Convolutions that only pick: each of their outputs is one value of the picture. They cost a pass over memory, but
// keep a net in one piece.

#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// Weights grow with the square of the channels; with more than these there is no picking.
constexpr int most_channels_to_pick = 4096;

/// Channels of a picture, by number, in any order and as often as named.
[[nodiscard]] Convolution channels_of(int channels, const std::vector<int>& wanted);

/// A pixel unshuffle, DepthToSpace turned round: out come the channels that shuffle.block x shuffle.block pixels of one
/// channel become, in the order that `shuffle` would take them in.
[[nodiscard]] Convolution space_to_depth(int channels, const DepthToSpace& shuffle);

}  // namespace millrace::infer::fused
