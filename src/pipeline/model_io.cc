#include "pipeline/model_io.h"

#include <cassert>
#include <numeric>

#include "infer/tiles.h"

namespace millrace::pipeline {

namespace {

ops::Channels to_channels(infer::InputColor color) {
    switch (color) {
        case infer::InputColor::rgb:
            return ops::Channels::rgb;
        case infer::InputColor::bgr:
            return ops::Channels::bgr;
        case infer::InputColor::luma:
            return ops::Channels::luma;
        case infer::InputColor::yuv:
            break;  // ops::repack, not a conversion
    }
    assert(false);
    return ops::Channels::rgb;
}

ops::Fit to_fit(infer::Fit fit) {
    switch (fit) {
        case infer::Fit::stretch:
            return ops::Fit::stretch;
        case infer::Fit::letterbox:
            return ops::Fit::letterbox;
        case infer::Fit::crop:
            return ops::Fit::crop;
    }
    return ops::Fit::stretch;
}

}  // namespace

ops::TensorSpec output_spec(const infer::ModelDescription& model) {
    ops::TensorSpec spec;
    spec.dtype = model.outputs.at(static_cast<std::size_t>(model.result_output)).desc.dtype;
    spec.layout = model.layout == infer::Layout::nchw ? ops::Layout::nchw : ops::Layout::nhwc;
    spec.channels = to_channels(model.color);
    spec.white = model.range;
    return spec;
}

ops::TensorSpec input_spec(const infer::ModelDescription& model) {
    ops::TensorSpec spec = output_spec(model);
    spec.dtype = model.dtype;
    spec.mean = model.mean;
    spec.std = model.std;
    return spec;
}

ops::TensorSpec packed(ops::TensorSpec spec, const std::optional<infer::PackedPicture>& border) {
    if (!border) return spec;
    spec.dtype = border->desc.dtype;
    spec.packing = ops::Packing{static_cast<int>(border->desc.shape.back()), border->block};
    return spec;
}

infer::Size frame_size(const infer::ModelDescription& model, infer::Size video, Evenness evenness) {
    if (model.input_size) return *model.input_size;
    const int multiple = std::lcm(model.size_multiple, evenness == Evenness::even ? 2 : 1);
    return {infer::round_up(video.width, multiple), infer::round_up(video.height, multiple)};
}

std::vector<std::int64_t> with_size(std::vector<std::int64_t> shape, infer::Layout layout, infer::Size size) {
    const std::size_t rows = layout == infer::Layout::nchw ? 1 : 0;
    shape.at(rows) = size.height;
    shape.at(rows + 1) = size.width;
    return shape;
}

std::optional<ops::ResizeSpec> fit_to(const infer::ModelDescription& model, infer::Size video, infer::Size frame) {
    if (video == frame) return std::nullopt;
    // Shrinking averages what falls on a pixel; the filters of ops widen for that.
    const ops::Fit fit = model.input_size ? to_fit(model.fit) : ops::Fit::pad;
    return ops::ResizeSpec{frame.width, frame.height, fit, ops::Filter::bilinear};
}

}  // namespace millrace::pipeline
