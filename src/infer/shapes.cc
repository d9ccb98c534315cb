#include "infer/shapes.h"

#include <fmt/format.h>

#include <cassert>

#include "core/error.h"
#include "core/planes.h"

namespace millrace::infer {

using core::Error;
using core::ErrorCode;

Axes picture_axes(Layout layout, std::size_t rank) {
    assert(rank == 4 || rank == 5);
    const int shift = rank == 5 ? 1 : 0;
    Axes axes;
    axes.time = rank == 5 ? 1 : -1;
    axes.channels = (layout == Layout::nchw ? 1 : 3) + shift;
    axes.height = (layout == Layout::nchw ? 2 : 1) + shift;
    axes.width = (layout == Layout::nchw ? 3 : 2) + shift;
    return axes;
}

int frame_channels(const ModelDescription& model) { return model.color == InputColor::luma ? 1 : 3; }

core::TensorDesc planes_batch_desc(const ModelDescription& model) {
    assert(model.planes);
    core::TensorDesc desc = core::planes_desc(*model.planes);
    desc.shape.insert(desc.shape.begin(), model.batch);
    return desc;
}

core::TensorDesc picture_input_desc(const ModelDescription& model, Size size) {
    if (model.planes) {
        core::TensorDesc desc = planes_batch_desc(model);
        if (model.window_axis) desc.shape.insert(desc.shape.begin() + 1, model.window.frames());
        return desc;
    }
    const std::size_t rank = model.window_axis ? 5 : 4;
    const Axes axes = picture_axes(model.layout, rank);
    core::TensorDesc desc{model.dtype, std::vector<std::int64_t>(rank)};
    const auto at = [&desc](int axis) -> std::int64_t& { return desc.shape[static_cast<std::size_t>(axis)]; };
    at(axes.batch) = model.batch;
    if (model.window_axis) at(axes.time) = model.window.frames();
    at(axes.channels) = std::int64_t{frame_channels(model)} * (model.window_axis ? 1 : model.window.frames());
    at(axes.height) = size.height;
    at(axes.width) = size.width;
    return desc;
}

int picture_scale(const ModelDescription& model, Size input, const core::TensorDesc& output) {
    const auto fail = [&] {
        const Port& port = model.outputs[static_cast<std::size_t>(model.result_output)];
        return Error(
            ErrorCode::bad_input,
            fmt::format("model {}: output '{}' is {} for a {}x{} input; a picture must have batch {}, {} channel(s) "
                        "and a size that is the same whole multiple of the input's in both axes; set 'output.kind' "
                        "to data if it is not a picture",
                        model.path, port.name, core::to_string(output), input.width, input.height, model.batch,
                        frame_channels(model)));
    };
    const bool real = output.dtype == core::DType::float32 || output.dtype == core::DType::float16;
    if (output.shape.size() != 4 || !real) throw fail();
    const Axes axes = picture_axes(model.layout, 4);
    const auto at = [&output](int axis) { return output.shape[static_cast<std::size_t>(axis)]; };
    const std::int64_t scale = at(axes.width) / input.width;
    if (scale < 1 || at(axes.width) != scale * input.width || at(axes.height) != scale * input.height ||
        at(axes.batch) != model.batch || at(axes.channels) != frame_channels(model)) {
        throw fail();
    }
    return static_cast<int>(scale);
}

void check_data(const ModelDescription& model, const core::TensorDesc& output) {
    const std::string what =
        fmt::format("model {}: output '{}' is {}", model.path,
                    model.outputs[static_cast<std::size_t>(model.result_output)].name, core::to_string(output));
    const bool by_frame = !output.shape.empty() && output.shape.front() == model.batch;
    if (!by_frame && model.batch != 1) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{} at batch {}, so its values cannot be told apart by frame; expected "
                                "the batch as the first extent; set batch to 1",
                                what, model.batch));
    }
    const std::int64_t values = output.element_count() / (by_frame ? model.batch : 1);
    if (model.labels.empty() || values == static_cast<std::int64_t>(model.labels.size())) return;
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: {} values a frame, but output.labels has {} names; expected as many", what, values,
                            model.labels.size()));
}

}  // namespace millrace::infer
