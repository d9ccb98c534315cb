#include "infer/fused/depthwise.h"

#include <cassert>
#include <cstddef>

namespace millrace::infer::fused {

bool is_depthwise(const Convolution& convolution, int channels) {
    const auto& [out_channels, kernel, stride, dilation, pads, groups, transposed, weights] = convolution;
    const bool by_channel = groups == channels && out_channels == channels && channels > 1 && !transposed;
    const bool wide = kernel.x == 3 || kernel.x == 5 || kernel.x == 7;
    return by_channel && wide && (stride.x == 1 || stride.x == 2) && dilation == Step();
}

Halves depthwise_weights(const Convolution& convolution, int padded) {
    const auto channels = static_cast<std::size_t>(convolution.out_channels);
    const auto taps = static_cast<std::size_t>(convolution.kernel.y) * static_cast<std::size_t>(convolution.kernel.x);
    assert(convolution.weights.size() == channels * taps);
    Halves arranged(taps * static_cast<std::size_t>(padded));
    for (std::size_t channel = 0; channel < channels; ++channel) {
        for (std::size_t tap = 0; tap < taps; ++tap) {
            arranged[tap * static_cast<std::size_t>(padded) + channel] =
                half_of_weight(convolution.weights[channel * taps + tap]);
        }
    }
    return arranged;
}

}  // namespace millrace::infer::fused
