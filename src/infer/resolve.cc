#include "infer/resolve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "infer/shapes.h"
#include "infer/tiles.h"

namespace millrace::infer {
namespace {

using core::Error;
using core::ErrorCode;

std::int64_t extent(const Port& port, int axis) { return port.desc.shape[static_cast<std::size_t>(axis)]; }

std::string shown(const Port& port) {
    std::vector<std::string> extents;
    extents.reserve(port.desc.shape.size());
    for (const std::int64_t each : port.desc.shape) extents.push_back(each < 0 ? "?" : std::to_string(each));
    return fmt::format("'{}' is {} [{}]", port.name, core::name(port.desc.dtype), fmt::join(extents, ", "));
}

bool is_real(core::DType dtype) { return dtype == core::DType::float32 || dtype == core::DType::float16; }

/// Decides one thing after the other; each step may use what the steps before it decided.
class Resolver {
  public:
    Resolver(const ModelFile& file, const ParsedSettings& settings) : file_(file), settings_(settings) {
        model_.path = file.path;
        model_.inputs = file.inputs;
        model_.outputs = file.outputs;
        model_.origins = settings.origins;
    }

    ModelDescription resolve() {
        resolve_states();
        resolve_picture_input();
        resolve_layout();
        resolve_window();
        resolve_color();
        resolve_batch();
        resolve_size();
        resolve_values();
        resolve_order();
        resolve_output();
        resolve_tile();
        return std::move(model_);
    }

  private:
    template <class T>
    void decide(const std::string& key, T& value, const std::optional<T>& setting) {
        if (setting) {
            value = *setting;
        } else {
            model_.origins.try_emplace(key, "default");
        }
    }
    void from_shape(const std::string& key) { model_.origins[key] = "shape"; }
    [[nodiscard]] bool was_set(const std::string& key) const { return settings_.origins.contains(key); }
    [[nodiscard]] Error bad(const std::string& text) const {
        return Error(ErrorCode::bad_input, fmt::format("model {}: {}", file_.path, text));
    }
    [[nodiscard]] Error contradiction(const std::string& text) const {
        return Error(ErrorCode::usage, fmt::format("model {}: {}", file_.path, text));
    }
    [[nodiscard]] const Port& input() const { return model_.inputs[static_cast<std::size_t>(model_.picture_input)]; }
    [[nodiscard]] Axes axes() const { return picture_axes(model_.layout, input().desc.shape.size()); }

    [[nodiscard]] int find(const std::vector<Port>& ports, const std::string& name, const std::string& key) const;
    void resolve_states();
    void resolve_picture_input();
    void resolve_layout();
    void resolve_window();
    void resolve_color();
    void resolve_batch();
    void resolve_size();
    void resolve_values();
    void resolve_order();
    void resolve_output();
    [[nodiscard]] bool could_be_picture(const Port& output) const;
    void resolve_tile();

    const ModelFile& file_;
    const ParsedSettings& settings_;
    ModelDescription model_;
};

int Resolver::find(const std::vector<Port>& ports, const std::string& name, const std::string& key) const {
    std::vector<std::string> names;
    for (const Port& port : ports) {
        if (port.name == name) return static_cast<int>(names.size());
        names.push_back(port.name);
    }
    throw contradiction(
        fmt::format("{} names '{}', which the model does not have; it has: {}", key, name, fmt::join(names, ", ")));
}

void Resolver::resolve_states() {
    if (!settings_.states) return;
    for (const auto& [from, to] : *settings_.states) {
        model_.states.emplace_back(find(file_.inputs, from, "state"), find(file_.outputs, to, "state"));
    }
}

void Resolver::resolve_picture_input() {
    std::vector<int> free;
    for (int i = 0; i < static_cast<int>(file_.inputs.size()); ++i) {
        if (std::ranges::none_of(model_.states, [i](const auto& state) { return state.first == i; })) free.push_back(i);
    }
    if (settings_.input_name) {
        model_.picture_input = find(file_.inputs, *settings_.input_name, "input.name");
        std::erase(free, model_.picture_input);
    } else if (free.empty()) {
        throw bad("no input is left for the picture; expected one that is not in 'state'");
    } else {
        model_.picture_input = free.front();
        free.erase(free.begin());
        model_.origins["input.name"] = free.empty() ? "shape" : "default";
    }
    if (!free.empty()) {
        throw bad(
            fmt::format("input {} is neither the picture nor carried state; name the picture with 'input.name', "
                        "pair inputs with outputs in 'state', or give the input an initial value in the file",
                        shown(file_.inputs[static_cast<std::size_t>(free.front())])));
    }
    const core::TensorDesc& desc = input().desc;
    if ((desc.shape.size() != 4 && desc.shape.size() != 5) || !is_real(desc.dtype)) {
        throw bad(
            fmt::format("input {}; expected float32 or float16 [N, C, H, W], [N, H, W, C], or with frames "
                        "[N, T, C, H, W]",
                        shown(input())));
    }
    model_.dtype = desc.dtype;
    model_.window_axis = desc.shape.size() == 5;
}

void Resolver::resolve_layout() {
    if (settings_.layout) {
        model_.layout = *settings_.layout;
        return;
    }
    const std::size_t rank = input().desc.shape.size();
    const std::int64_t first = extent(input(), picture_axes(Layout::nchw, rank).channels);
    const std::int64_t last = extent(input(), picture_axes(Layout::nhwc, rank).channels);
    const bool channels_last = (last == 3 || last == 1) && first != 3 && first != 1;
    model_.layout = channels_last ? Layout::nhwc : Layout::nchw;
    from_shape("input.layout");
}

void Resolver::resolve_window() {
    decide("window", model_.window, settings_.window);
    if (!model_.window_axis) return;
    const std::int64_t frames = extent(input(), axes().time);
    if (!settings_.window) {
        if (frames < 1 || frames % 2 == 0 || frames > 513) {
            throw bad(
                fmt::format("input {}: which of its frames is the current one does not follow from the shape; set "
                            "'window' to the frames before and after",
                            shown(input())));
        }
        model_.window = {static_cast<int>(frames / 2), static_cast<int>(frames / 2)};
        from_shape("window");
    } else if (frames >= 0 && frames != model_.window.frames()) {
        throw contradiction(fmt::format("window [{}, {}] means {} frames, but input {}", model_.window.before,
                                        model_.window.after, model_.window.frames(), shown(input())));
    }
}

void Resolver::resolve_color() {
    const std::int64_t channels = extent(input(), axes().channels);
    const int frames = model_.window_axis ? 1 : model_.window.frames();
    if (settings_.color) {
        model_.color = *settings_.color;
    } else {
        model_.color = channels == frames ? InputColor::luma : InputColor::rgb;
        from_shape("input.color");
    }
    const int expected = frames * frame_channels(model_);
    if (channels < 0 || channels == expected) return;
    const std::string of_frames = frames > 1 ? fmt::format(" for each of {} frames", frames) : "";
    const std::string wanted =
        settings_.color ? fmt::format("{}", frame_channels(model_)) : std::string("3 (rgb, bgr) or 1 (y)");
    throw bad(
        fmt::format("input {}: {} channels, expected {}{}; if they are several frames set 'window', if the order of "
                    "axes is another set 'input.layout'",
                    shown(input()), channels, wanted, of_frames));
}

void Resolver::resolve_batch() {
    const std::int64_t declared = extent(input(), 0);
    decide("batch", model_.batch, settings_.batch);
    if (declared < 0) return;
    if (settings_.batch && declared != *settings_.batch) {
        throw contradiction(fmt::format("batch is {}, but the model runs {} at a time: input {}", *settings_.batch,
                                        declared, shown(input())));
    }
    if (declared < 1 || declared > 1024)
        throw bad(fmt::format("input {}: expected a batch of 1 to 1024", shown(input())));
    model_.batch = static_cast<int>(declared);
    if (!settings_.batch) from_shape("batch");
}

void Resolver::resolve_size() {
    const std::int64_t width = extent(input(), axes().width);
    const std::int64_t height = extent(input(), axes().height);
    model_.input_size = settings_.size;
    if ((width < 0) != (height < 0) && !settings_.size) {
        throw bad(fmt::format("input {}: one side is fixed and the other free; set 'input.size'", shown(input())));
    }
    if (settings_.size) {
        const bool fits =
            (width < 0 || width == settings_.size->width) && (height < 0 || height == settings_.size->height);
        if (fits) return;
        throw contradiction(fmt::format("input.size is {}x{} (width x height), but input {}", settings_.size->width,
                                        settings_.size->height, shown(input())));
    }
    if (width < 0) {
        model_.origins["input.size"] = "default";
        return;
    }
    if (width < 1 || height < 1 || width > (1 << 16) || height > (1 << 16)) {
        throw bad(fmt::format("input {}: expected a size from 1 to 65536", shown(input())));
    }
    model_.input_size = Size{static_cast<int>(width), static_cast<int>(height)};
    from_shape("input.size");
}

void Resolver::resolve_values() {
    decide("input.range", model_.range, settings_.range);
    decide("input.mean", model_.mean, settings_.mean);
    decide("input.std", model_.std, settings_.std);
    decide("input.fit", model_.fit, settings_.fit);
    decide("input.multiple", model_.size_multiple, settings_.multiple);
    if (settings_.labels) model_.labels = *settings_.labels;
    if (!model_.input_size) return;
    const auto [width, height] = *model_.input_size;
    if (width % model_.size_multiple == 0 && height % model_.size_multiple == 0) return;
    throw contradiction(fmt::format("the input's size {}x{} is not a multiple of input.multiple {}", width, height,
                                    model_.size_multiple));
}

void Resolver::resolve_order() {
    decide("order", model_.order, settings_.order);
    if (!model_.states.empty() && !settings_.order) {
        model_.order = Order::sequential;
        model_.origins["order"] = "state";
    }
    if (model_.states.empty()) return;
    if (model_.order == Order::any)
        throw contradiction("order is any, but 'state' is carried: set order to sequential");
    if (model_.batch != 1) {
        throw contradiction(
            fmt::format("state is carried from frame to frame, so the batch must be 1, not {}", model_.batch));
    }
}

bool Resolver::could_be_picture(const Port& output) const {
    if (output.desc.shape.size() != 4 || !is_real(output.desc.dtype)) return false;
    const Axes out = picture_axes(model_.layout, 4);
    const std::int64_t channels = extent(output, out.channels);
    if (channels >= 0 && channels != frame_channels(model_)) return false;
    const auto fits = [](std::int64_t to, std::int64_t from) {
        return to < 0 || from < 0 || (to >= from && to % from == 0);
    };
    return fits(extent(output, out.width), extent(input(), axes().width)) &&
           fits(extent(output, out.height), extent(input(), axes().height));
}

void Resolver::resolve_output() {
    const auto is_state = [this](int i) {
        return std::ranges::any_of(model_.states, [i](const auto& state) { return state.second == i; });
    };
    const int count = static_cast<int>(file_.outputs.size());
    if (settings_.output_name) {
        model_.result_output = find(file_.outputs, *settings_.output_name, "output.name");
    } else {
        // The first picture, else the first output; a state only where there is nothing else.
        const auto rank = [&](int i) {
            const Port& port = file_.outputs[static_cast<std::size_t>(i)];
            return (is_state(i) ? 2 : 0) + (could_be_picture(port) ? 0 : 1);
        };
        for (int i = 0; i < count; ++i) {
            if (rank(i) < rank(model_.result_output)) model_.result_output = i;
        }
        model_.origins["output.name"] = count > 1 ? "default" : "shape";
    }
    const Port& output = file_.outputs[static_cast<std::size_t>(model_.result_output)];
    if (!settings_.output) {
        model_.output = could_be_picture(output) ? OutputKind::picture : OutputKind::data;
        from_shape("output.kind");
        return;
    }
    model_.output = *settings_.output;
    if (model_.output == OutputKind::picture && !could_be_picture(output)) {
        throw bad(
            fmt::format("output {}, which cannot be a picture for input {}: expected the same layout and {} "
                        "channel{}, a size that is a whole multiple, float32 or float16",
                        shown(output), shown(input()), frame_channels(model_), frame_channels(model_) == 1 ? "" : "s"));
    }
}

void Resolver::resolve_tile() {
    model_.tile = settings_.tile;
    if (!model_.tile) {
        model_.origins["tile"] = "default";
        return;
    }
    const auto [width, height] = model_.tile->size;
    if (model_.output == OutputKind::data) {
        throw contradiction("tile is set, but the output is data: only pictures are put together from tiles");
    }
    if (!model_.states.empty()) throw contradiction("tile is set, but the model carries state");
    if (width % model_.size_multiple != 0 || height % model_.size_multiple != 0) {
        throw contradiction(
            fmt::format("tile {}x{} is not a multiple of input.multiple {}", width, height, model_.size_multiple));
    }
    if (2 * round_up(model_.tile->overlap, model_.size_multiple) >= std::min(width, height)) {
        throw contradiction(fmt::format(
            "tile {}x{} is not more than twice its overlap {} rounded up to a multiple of {} (input.multiple)", width,
            height, model_.tile->overlap, model_.size_multiple));
    }
    if (model_.origins.at("input.size") == "shape" && model_.input_size != model_.tile->size) {
        throw contradiction(fmt::format("tile is {}x{}, but input {}", width, height, shown(input())));
    }
    if (model_.origins.at("input.size") == "shape") model_.input_size.reset();
}

}  // namespace

ModelDescription resolve_model(const ModelFile& file, const ParsedSettings& settings) {
    if (file.inputs.empty() || file.outputs.empty()) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("model {}: expected at least one input and one output, found {} and {}", file.path,
                                file.inputs.size(), file.outputs.size()));
    }
    return Resolver(file, settings).resolve();
}

}  // namespace millrace::infer
