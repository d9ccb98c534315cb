#pragma once
// Where a kernel slides: strides, dilations and padding as ONNX's attributes have them, and what size comes of them.

#include <optional>
#include <string>

#include "infer/fused/net.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// What a node says of its kernel.
struct Window {
    Step kernel;
    Step stride;
    Step dilation;
    Pads pads;
    std::string auto_pad;  ///< "NOTSET": pads are as they stand
};

/// nullopt: attributes that contradict one another or are beyond reason.
[[nodiscard]] std::optional<Window> window_of(const graph::Node& node, const Step& kernel);

/// Whether a last window that is not full counts.
enum class Rounding { down, up };

/// Padding and size of a result.
struct Placed {
    Pads pads;
    int height = 0;
    int width = 0;
};

/// Of a convolution or a pool. With Rounding::up the pads below and to the right reach to the end of the last window.
/// nullopt: the kernel is larger than the padded picture.
[[nodiscard]] std::optional<Placed> place(const Window& window, const Value& picture, Rounding rounding);

/// Of a transposed convolution; output_padding is taken off the pads below and to the right, which may become negative.
[[nodiscard]] std::optional<Placed> place_transposed(const graph::Node& node, const Window& window,
                                                     const Value& picture);

}  // namespace millrace::infer::fused
