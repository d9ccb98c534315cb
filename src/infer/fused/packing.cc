#include "infer/fused/packing.h"

#include <algorithm>
#include <cstddef>

namespace millrace::infer::fused {
namespace {

constexpr int picture_channels = 3;

bool is_input(const Net& net, int value) { return std::ranges::count(net.inputs, value, &NetPort::value) > 0; }

PackedPicture packed_value(const Net& net, int value, int block, int channels) {
    const Value& shape = net.values[static_cast<std::size_t>(value)];
    return {{core::DType::float16, {net.batch, shape.height, shape.width, channels}}, block};
}

}  // namespace

std::optional<PackedPicture> packed_input(const Net& net, int value, const std::vector<int>& channels) {
    const int padded = channels[static_cast<std::size_t>(value)];
    if (net.values[static_cast<std::size_t>(value)].channels != picture_channels || padded > 16) return std::nullopt;
    return packed_value(net, value, 1, padded);
}

std::optional<PackedPicture> packed_result(const Net& net, int value, const DepthToSpace& blocks,
                                           const std::vector<int>& channels) {
    const int padded = channels[static_cast<std::size_t>(value)];
    const int there = net.values[static_cast<std::size_t>(value)].channels;
    const bool as_it_is = blocks.block == 1 && padded <= 16;
    const bool in_blocks = blocks.block == 2 && blocks.columns_last && padded == 16;
    if (!(as_it_is || in_blocks) || there != picture_channels * blocks.block * blocks.block) return std::nullopt;
    if (is_input(net, value)) return std::nullopt;
    return packed_value(net, value, blocks.block, padded);
}

}  // namespace millrace::infer::fused
