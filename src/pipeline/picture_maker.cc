#include "pipeline/picture_maker.h"

#include <algorithm>
#include <utility>

#include "device/copy.h"
#include "ops/repack.h"
#include "pipeline/model_io.h"
#include "pipeline/reframe.h"

namespace millrace::pipeline {

namespace {

// Between formats of one matrix and range no matrix is applied; else by way of RGB.
ops::TensorSpec conversion_spec(const core::PictureDesc& from, const core::PictureDesc& to) {
    ops::TensorSpec spec;
    const bool same_matrix = from.color.matrix == to.color.matrix && from.format.family != core::ColorFamily::rgb &&
                             to.format.family != core::ColorFamily::rgb;
    spec.channels = same_matrix ? ops::Channels::yuv : ops::Channels::rgb;
    return spec;
}

// A picture that differs by at most one column and row was padded or cropped to be even; any other is scaled (a stream
// that changes its size midway).
bool nearly_same_size(const core::PictureDesc& a, const core::PictureDesc& b) {
    return std::abs(a.width - b.width) <= 1 && std::abs(a.height - b.height) <= 1;
}

std::optional<ops::ResizeSpec> conversion_fit(const core::PictureDesc& from, const core::PictureDesc& to) {
    if (!nearly_same_size(from, to)) {
        return ops::ResizeSpec{to.width, to.height, ops::Fit::stretch, ops::Filter::bicubic};
    }
    const int width = std::max(from.width, to.width);
    const int height = std::max(from.height, to.height);
    if (width == from.width && height == from.height) return std::nullopt;
    return ops::ResizeSpec{width, height, ops::Fit::pad, ops::Filter::bilinear};
}

}  // namespace

PicturePools::PicturePools(device::DeviceId where)
    // What is in flight is bounded by the outputs' queues and the encoders' context.
    : host(device::make_staging_source(where), device::DeviceId{}, "pictures", device::unbounded),
      device(where, "pictures on the device", device::unbounded) {}

PictureMaker::PictureMaker(const ModelPlan* model, core::PictureDesc target, PicturePools& pools, Profile& profile,
                           Delivery delivery)
    : model_(model),
      target_(target),
      pools_(pools),
      delivery_(delivery),
      stream_(pools.device.device()),
      gpu_times_(stream_, Stage::to_picture, profile) {
    if (model_ != nullptr && !model_->model.planes) {
        to_picture_.emplace(packed(output_spec(model_->model), model_->borders.output),
                            model_->frame.width * model_->scale, model_->frame.height * model_->scale, target_);
    }
}

bool PictureMaker::passes(const FrameResult& frame) const {
    const auto* decoded = std::get_if<device::Picture>(&frame.content);
    return decoded != nullptr && decoded->desc.width == target_.width && decoded->desc.height == target_.height &&
           same_meaning(decoded->desc, target_);
}

device::Picture PictureMaker::make(FrameResult frame) {
    device::Picture picture;
    if (auto* decoded = std::get_if<device::Picture>(&frame.content)) {
        picture = passes(frame) ? std::move(*decoded) : converted(*decoded);
    } else {
        picture = from_model(frame.tag, std::get<ModelResult>(frame.content));
    }
    picture.pts = frame.tag.pts;
    picture.duration = frame.tag.duration;
    return picture;
}

std::int64_t PictureMaker::nan_values() const {
    if (!to_picture_) return 0;
    device::synchronize(stream_);
    return to_picture_->nan_count();
}

device::Picture PictureMaker::from_model(const FrameTag& tag, const ModelResult& result) {
    const bool on_host = device::on_host(stream_);
    device::Picture picture = device::lease_picture(on_host ? pools_.host : pools_.device, target_);
    const auto port = static_cast<std::size_t>(model_->model.result_output);
    const device::Tensor tensor = result.outputs->at(port).at(result.slot);
    gpu_times_.begin(tensor.timeline, picture.timeline);
    if (const auto& planes = model_->model.planes) {
        ops::repack(stream_, ops::planes_in(tensor, *planes), picture);
    } else {
        to_picture_->run(stream_, tensor, tag.source.get(), picture);
    }
    gpu_times_.end();
    if (on_host || delivery_ == Delivery::as_made) return picture;
    return device::copied(stream_, pools_.host, picture);
}

void PictureMaker::prepare_conversion(const core::PictureDesc& from) {
    if (converts_from_ == from) return;
    const ops::TensorSpec spec = conversion_spec(from, target_);
    const auto fit = conversion_fit(from, target_);
    to_tensor_.emplace(from, spec, fit);
    to_picture_.emplace(spec, fit ? fit->width : from.width, fit ? fit->height : from.height, target_);
    converts_from_ = from;
}

device::Picture PictureMaker::converted(const device::Picture& picture) {
    if (same_meaning(picture.desc, target_) && nearly_same_size(picture.desc, target_)) {
        return reframe(picture, target_, pools_.host);
    }
    if (core::same_samples(picture.desc.format, target_.format)) {
        core::PictureDesc moved = picture.desc;
        moved.format = target_.format;
        if (same_meaning(moved, target_) && nearly_same_size(moved, target_)) {
            return reframe(repacked(picture, target_.format, pools_.host), target_, pools_.host);
        }
    }
    prepare_conversion(picture.desc);
    const device::Tensor tensor = device::lease_tensor(pools_.host, to_tensor_->output());
    to_tensor_->run(device::host_stream(), picture, tensor);
    device::Picture out = device::lease_picture(pools_.host, target_);
    to_picture_->run(device::host_stream(), tensor, nullptr, out);
    return out;
}

}  // namespace millrace::pipeline
