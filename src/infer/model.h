#pragma once
// What a model wants and gives: resolved from its file, its metadata, model.json and the command line.

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/picture_desc.h"
#include "core/tensor_desc.h"
#include "device/device.h"
#include "infer/runtime_choice.h"

namespace millrace::infer {

enum class Layout { nchw, nhwc };
/// yuv: the video's own planes, for scripts alone.
enum class InputColor { rgb, bgr, luma, yuv };
enum class Fit { stretch, letterbox, crop };
enum class Order { any, sequential };
/// text: one line a frame, UTF-8 in uint8 [N, bytes], filled up with zeros.
enum class OutputKind { picture, data, text };

/// A tensor as the file declares it; -1 is a dynamic dimension.
struct Port {
    std::string name;
    core::TensorDesc desc;
    /// Of dynamic dimensions, as long as the shape; "" where fixed or unnamed. May be left out: Port{name, desc}.
    std::vector<std::string> axis_names{};  // NOLINT(readability-redundant-member-init)
};

struct Size {
    int width = 0;
    int height = 0;
    friend bool operator==(const Size&, const Size&) = default;
};

/// Frames around the current one that the model looks at.
struct Window {
    int before = 0;
    int after = 0;
    [[nodiscard]] int frames() const { return before + 1 + after; }
};

/// Tiles: the model sees windows of `size` pixels. `overlap` pixels along each inner edge of a tile are seen but not
/// kept, so neighbours share twice that; it must reach as far as the net looks (infer/tiles.h).
struct TileSetting {
    Size size;
    int overlap = 0;
};

/// What may override the file: keys as in ONNX metadata without "millrace." ("input.layout", "tile").
using Settings = std::map<std::string, std::string>;

struct ModelRequest {
    std::string path;
    Settings overrides;           ///< from the command line
    std::optional<int> batch;     ///< frames a run; nullopt: the model's own, or 1
    std::string runtime_library;  ///< path of libonnxruntime; empty: found by the engine
    int threads = 0;              ///< intra-op threads; 0: all cores, or 1 beside a GPU
    device::DeviceId device{};    ///< where the model runs  NOLINT(readability-redundant-member-init)
    std::size_t gpu_memory = 0;   ///< bytes that weights and intermediate results may take on a GPU; 0: no limit
    FloatMath float_math = FloatMath::full;  ///< of float32 models on a GPU
    std::optional<RuntimeChoice> choice{};   ///< of an earlier run; nullopt: the fastest, measured at load
    Weights weights = Weights::as_is;        ///< fp16 on a GPU only; a choice's own count before these
    std::string engine{};  ///< folder of the engine that a choice of TensorRT runs, or builds where it is empty
};

/// Everything decided. A picture output has the input's layout, channel order and range, without mean and std.
/// How each setting was decided is in `origins`: "default", "metadata", "model.json", "command line",
/// "shape".
struct ModelDescription {
    std::string path;
    std::string sha256;  ///< of the file, and of external data beside it
    std::vector<Port> inputs;
    std::vector<Port> outputs;

    int picture_input = 0;  ///< index into inputs
    int result_output = 0;  ///< index into outputs: the picture, or the first data output
    /// Recurrent state: (input index, output index); zeros before the first frame.
    std::vector<std::pair<int, int>> states;

    core::DType dtype = core::DType::float32;
    Layout layout = Layout::nchw;
    InputColor color = InputColor::rgb;
    /// Of yuv, and of nothing else: what a frame's tensor holds, as core::planes_desc() has it.
    std::optional<core::PictureDesc> planes{};  // NOLINT(readability-redundant-member-init)
    float range = 1.0F;                         ///< white: 1 or 255
    std::array<float, 3> mean{0, 0, 0};         ///< as std: in units of `range`, one per channel in the model's order
    std::array<float, 3> std{1, 1, 1};
    std::optional<Size> input_size;  ///< fixed by the model or asked for; nullopt: the video's
    Fit fit = Fit::stretch;
    Window window;
    bool window_axis = false;  ///< true: [N, T, C, H, W]; false: frames stacked on channels, oldest first
    Order order = Order::any;
    std::optional<TileSetting> tile;
    OutputKind output = OutputKind::picture;
    std::vector<std::string> labels;
    int batch = 1;          ///< the one batch shape
    int size_multiple = 1;  ///< width and height must be a multiple of this ("input.multiple"); padded by edge
    std::map<std::string, std::string> origins;
};

}  // namespace millrace::infer
