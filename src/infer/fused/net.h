#pragma once
// A net as fused layers: what is left of a model's graph once everything foldable is folded, and what can be computed
// in one pass over memory stands together.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace millrace::infer::fused {

/// What lies between two layers: float16 [N, height, width, channels], with the channels padded by zeros to a multiple
/// of eight. N is the net's batch.
struct Value {
    int channels = 0;
    int height = 0;
    int width = 0;
    friend bool operator==(const Value&, const Value&) = default;
};

struct Pads {
    int top = 0;
    int left = 0;
    int bottom = 0;
    int right = 0;
    friend bool operator==(const Pads&, const Pads&) = default;
};

/// Distances along height and width.
struct Step {
    int y = 1;
    int x = 1;
    friend bool operator==(const Step&, const Step&) = default;
};

/// ONNX Conv, or with `transposed` ConvTranspose; matrix products are convolutions of 1 x 1. No bias: that is the first
/// of the layer's Pointwise. Transposed, pads below and to the right may be negative: output_padding is taken off them.
struct Convolution {
    int out_channels = 0;
    Step kernel;
    Step stride;
    Step dilation;
    Pads pads;
    int groups = 1;
    bool transposed = false;
    /// As ONNX has them: [out, in / groups, kernel.y, kernel.x], transposed [in, out / groups, kernel.y, kernel.x].
    std::vector<float> weights;
};

/// ONNX MaxPool and AveragePool; a global one has a kernel of the whole picture. Where the size was rounded up, pads
/// reach to the end of the last window.
struct Pooling {
    enum class Kind : std::uint8_t { max, average, average_with_padding };
    Kind kind = Kind::max;
    Step kernel;
    Step stride;
    Pads pads;
};

/// ONNX Resize to the size of the layer's output.
struct Resize {
    enum class Kind : std::uint8_t { nearest, bilinear };
    /// Where output pixel x lies in the input, with scale = in / out. half_pixel: (x + 0.5) * scale - 0.5; asymmetric:
    /// x * scale; corners: x * (in - 1) / (out - 1).
    enum class Coordinates : std::uint8_t { half_pixel, asymmetric, corners };
    /// Of nearest only: which neighbour a position between two takes.
    enum class Rounding : std::uint8_t { floor, ceil, half_down, half_up };
    Kind kind = Kind::nearest;
    Coordinates coordinates = Coordinates::half_pixel;
    Rounding rounding = Rounding::half_down;
};

/// ONNX DepthToSpace. columns_last (CRD): channel c * block^2 + y * block + x becomes pixel (y, x) of channel c;
/// otherwise (DCR) channel (y * block + x) * channels + c does.
struct DepthToSpace {
    int block = 2;
    bool columns_last = false;
};

/// ONNX Pad, and Slice where pads are negative: so many rows and columns fewer. edge: the nearest pixel; reflect: as in
/// a mirror that stands on the outermost pixels, each of which is there once.
struct Border {
    enum class Kind : std::uint8_t { zeros, edge, reflect };
    Kind kind = Kind::zeros;
    Pads pads;
};

/// Channels of all inputs one behind the other.
struct Concat {
    /// One for each input, which has another size where there is one, and is resized to the output's; empty: none.
    std::vector<std::optional<Resize>> resizes;
};

/// No root: the layer's Pointwise begin on its input.
struct Identity {};

using Root = std::variant<Identity, Convolution, Pooling, Resize, DepthToSpace, Border, Concat>;

/// What happens to each value behind the root, in float32, before it is rounded to float16 and written.
struct Pointwise {
    /// add, multiply: by `constants`, or by another value; prelu: below zero times `constants`; clip: to low..high,
    /// which is also ReLU (0, infinity) and ReLU6; silu: v * sigmoid(v).
    enum class Kind : std::uint8_t { add, multiply, prelu, clip, sigmoid, silu, tanh };
    Kind kind = Kind::add;
    std::vector<float> constants;  ///< one for all, or one for each channel
    /// add, multiply without constants: index of a value of the output's size and channels, or of 1 x 1 pixel with as
    /// many channels, which then goes for all pixels.
    int value = -1;
    float low = 0;
    float high = 0;

    /// Whether it takes constants or another value besides the one that it changes.
    [[nodiscard]] bool has_operand() const { return !constants.empty() || value >= 0; }
};

/// What one layer has at the most.
inline constexpr std::size_t most_steps = 8;
inline constexpr std::size_t most_inputs = 8;

/// One pass over memory.
struct Layer {
    std::string name;         ///< of the root's ONNX node
    std::vector<int> inputs;  ///< values, most_inputs or fewer; several for Concat only
    int output = 0;
    Root root;
    std::vector<Pointwise> pointwise;  ///< most_steps or fewer
};

/// An input or output of the net, as the model around it sees it: [N, channels, height, width], or what of it is left
/// when dimensions of size 1 behind the channels are taken away ([N, channels]).
struct NetPort {
    std::string name;
    int value = 0;
};

/// Layers in an order in which they can run. Every value is written by one layer, or is an input.
struct Net {
    int batch = 1;
    std::vector<Value> values;
    std::vector<Layer> layers;
    std::vector<NetPort> inputs;
    std::vector<NetPort> outputs;
};

}  // namespace millrace::infer::fused
