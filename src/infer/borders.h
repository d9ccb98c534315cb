#pragma once
// Pictures as fused layers have them, where a session computes on what a frame was converted to, and its result is
// converted to a picture as it is.

#include <optional>

#include "core/tensor_desc.h"

namespace millrace::infer {

/// float16 [N, H / block, W / block, channels] in place of [N, 3, H, W]. A pixel has block x block pixels of the
/// picture: first those of the first channel, row by row. What lies behind them is zero in an input, and anything in a
/// result.
struct PackedPicture {
    core::TensorDesc desc;
    int block = 1;
    friend bool operator==(const PackedPicture&, const PackedPicture&) = default;
};

/// What run() also takes for the picture and for the result of a model, each by itself: the values are the same.
struct Borders {
    std::optional<PackedPicture> input;
    std::optional<PackedPicture> output;
    friend bool operator==(const Borders&, const Borders&) = default;
};

}  // namespace millrace::infer
