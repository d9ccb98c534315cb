#include "infer/fused/weights.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "core/half.h"

namespace millrace::infer::fused {
namespace {

constexpr float largest_half = 65504.0F;

}  // namespace

std::uint16_t half_of_weight(float value) {
    return core::half_of_float(std::clamp(value, -largest_half, largest_half));
}

Halves arranged_weights(const Convolution& convolution, const ChannelCounts& channels) {
    // What ONNX has outermost stays so; the other channels, of which it has one group's, become innermost.
    const bool transposed = convolution.transposed;
    const int kernel = convolution.kernel.y * convolution.kernel.x;
    const int outer = transposed ? channels.in : convolution.out_channels;
    const int inner_a_group = (transposed ? convolution.out_channels : channels.in) / convolution.groups;
    const int outer_a_group = outer / convolution.groups;
    const int padded_outer = transposed ? channels.padded_in : channels.padded_out;
    const auto padded_inner = static_cast<std::size_t>(transposed ? channels.padded_out : channels.padded_in);
    assert(convolution.weights.size() ==
           static_cast<std::size_t>(outer) * static_cast<std::size_t>(inner_a_group * kernel));
    Halves arranged(static_cast<std::size_t>(padded_outer) * static_cast<std::size_t>(kernel) * padded_inner);
    std::size_t from = 0;
    for (int i = 0; i < outer; ++i) {
        const int first = i / outer_a_group * inner_a_group;
        for (int k = first; k < first + inner_a_group; ++k) {
            for (int tap = 0; tap < kernel; ++tap) {
                const auto row =
                    static_cast<std::size_t>(i) * static_cast<std::size_t>(kernel) + static_cast<std::size_t>(tap);
                arranged[row * padded_inner + static_cast<std::size_t>(k)] =
                    half_of_weight(convolution.weights[from++]);
            }
        }
    }
    return arranged;
}

Halves arranged_constants(const std::vector<float>& constants, int channels, int padded) {
    assert(constants.size() == 1 || constants.size() == static_cast<std::size_t>(channels));
    Halves arranged(static_cast<std::size_t>(padded));
    for (std::size_t i = 0; i < static_cast<std::size_t>(channels); ++i) {
        arranged[i] = half_of_weight(constants[constants.size() == 1 ? 0 : i]);
    }
    return arranged;
}

}  // namespace millrace::infer::fused
