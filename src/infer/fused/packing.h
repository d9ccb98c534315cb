#pragma once
// What of a net's memory can be the caller's: see infer/borders.h.

#include <optional>
#include <vector>

#include "infer/borders.h"
#include "infer/fused/net.h"

namespace millrace::infer::fused {

/// A net's input as a picture of three channels; nullopt: it is none that ops pack. `channels`: padded_channels().
[[nodiscard]] std::optional<PackedPicture> packed_input(const Net& net, int value, const std::vector<int>& channels);

/// A value that is a picture of three channels once `blocks` are pixels; block 1: as it is.
[[nodiscard]] std::optional<PackedPicture> packed_result(const Net& net, int value, const DepthToSpace& blocks,
                                                         const std::vector<int>& channels);

}  // namespace millrace::infer::fused
