#include "infer/fused/selection.h"

#include <cstddef>

namespace millrace::infer::fused {
Convolution channels_of(int channels, const std::vector<int>& wanted) {
    Convolution conv;
    conv.out_channels = static_cast<int>(wanted.size());
    conv.weights.assign(wanted.size() * static_cast<std::size_t>(channels), 0.0F);
    std::size_t row = 0;
    for (const int channel : wanted) {
        conv.weights[row + static_cast<std::size_t>(channel)] = 1;
        row += static_cast<std::size_t>(channels);
    }
    return conv;
}

Convolution space_to_depth(int channels, const DepthToSpace& shuffle) {
    const int taps = shuffle.block * shuffle.block;
    Convolution conv;
    conv.out_channels = channels * taps;
    conv.kernel = {shuffle.block, shuffle.block};
    conv.stride = conv.kernel;
    // With each channel's results side by side it is a group of its own.
    conv.groups = shuffle.columns_last ? channels : 1;
    const int ins = channels / conv.groups;
    const auto row = static_cast<std::size_t>(ins) * static_cast<std::size_t>(taps);
    conv.weights.assign(static_cast<std::size_t>(conv.out_channels) * row, 0.0F);
    for (int out = 0; out < conv.out_channels; ++out) {
        const int in = shuffle.columns_last ? 0 : out % channels;
        const int tap = shuffle.columns_last ? out % taps : out / channels;
        conv.weights[static_cast<std::size_t>(out) * row + static_cast<std::size_t>(in * taps + tap)] = 1;
    }
    return conv;
}

}  // namespace millrace::infer::fused
