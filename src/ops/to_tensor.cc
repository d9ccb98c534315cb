#include "ops/to_tensor.h"

#include <fmt/format.h>

#include <cassert>

#include "core/error.h"
#include "ops/checks.h"
#include "ops/to_tensor_cuda.h"
#include "ops/to_tensor_host.h"

namespace millrace::ops {

namespace {

void set_matrix(ToTensorPlan& plan) {
    const core::PictureDesc& in = plan.input;
    const bool to_rgb = plan.spec.channels == Channels::rgb || plan.spec.channels == Channels::bgr;
    if (in.format.family == core::ColorFamily::yuv && to_rgb) {
        check_matrix(in.color.matrix, "Y'CbCr to RGB");
        plan.from_yuv = from_yuv(in.color.matrix, in.format.depth, in.color.range);
    }
    if (in.format.family == core::ColorFamily::rgb && !to_rgb) {
        check_matrix(in.color.matrix, "RGB to luma or Y'CbCr");
        plan.to_yuv = to_yuv(in.color.matrix);
    }
}

void set_resize(ToTensorPlan& plan, const ResizeSpec& resize) {
    if (resize.width < 1 || resize.height < 1) {
        throw core::Error(core::ErrorCode::usage, fmt::format("a tensor of {}x{} is not a picture: give a size of at "
                                                              "least 1x1",
                                                              resize.width, resize.height));
    }
    const core::PictureDesc& in = plan.input;
    if (resize.fit == Fit::pad && (resize.width < in.width || resize.height < in.height)) {
        throw core::Error(
            core::ErrorCode::usage,
            fmt::format("cannot pad {}x{} to {}x{}: the size must be at least the picture's; use stretch, "
                        "letterbox or crop to shrink",
                        in.width, in.height, resize.width, resize.height));
    }
    plan.width = resize.width;
    plan.height = resize.height;
    const bool scaled = resize.width != in.width || resize.height != in.height;
    if (resize.fit == Fit::pad || !scaled) return;
    const Placement placement = place(in.width, in.height, resize);
    plan.resize = {placement, make_weights(resize.filter, placement.x), make_weights(resize.filter, placement.y)};
}

}  // namespace

ToTensorPlan plan_to_tensor(const core::PictureDesc& input, const TensorSpec& spec,
                            const std::optional<ResizeSpec>& resize) {
    check_picture(input);
    check_spec(spec);
    assert(!spec.packing || spec.packing->block == 1);
    ToTensorPlan plan;
    plan.input = input;
    plan.spec = spec;
    plan.width = input.width;
    plan.height = input.height;
    plan.codes = code_scale(input.format.depth, input.color.range);
    plan.element = element_from_color(spec);
    set_matrix(plan);
    if (resize) set_resize(plan, *resize);
    const std::int64_t channels = channel_count(spec.channels);
    plan.output.dtype = spec.dtype;
    plan.output.shape = spec.layout == Layout::nchw ? std::vector<std::int64_t>{channels, plan.height, plan.width}
                                                    : std::vector<std::int64_t>{plan.height, plan.width, channels};
    if (spec.packing) plan.output.shape = {plan.height, plan.width, spec.packing->channels};
    return plan;
}

struct ToTensor::Impl {
    explicit Impl(ToTensorPlan of) : plan(std::move(of)) {
        if (plan.resize) tables.emplace(plan.resize->x, plan.resize->y);
    }

    const ToTensorPlan plan;
    std::optional<DeviceTables> tables;  ///< of `plan.resize`
};

ToTensor::ToTensor(const core::PictureDesc& input, const TensorSpec& spec, std::optional<ResizeSpec> resize)
    : impl_(std::make_unique<Impl>(plan_to_tensor(input, spec, resize))) {}

ToTensor::~ToTensor() = default;
ToTensor::ToTensor(ToTensor&&) noexcept = default;
ToTensor& ToTensor::operator=(ToTensor&&) noexcept = default;

const core::TensorDesc& ToTensor::output() const { return impl_->plan.output; }

void ToTensor::run(device::StreamRef stream, const device::Picture& picture, const device::Tensor& tensor) const {
    assert(picture.desc == impl_->plan.input);
    assert(tensor.desc == impl_->plan.output);
    assert(!impl_->plan.spec.packing || stream.device.kind == device::DeviceKind::cuda);
    assert(picture.device == stream.device && tensor.device == stream.device);
    device::Access access(stream, picture.timeline, tensor.timeline);
    if (device::on_host(stream)) {
        to_tensor_host(impl_->plan, picture, tensor);
    } else {
        to_tensor_cuda(stream, impl_->plan, impl_->tables ? &*impl_->tables : nullptr, picture, tensor);
    }
    access.done();
}

}  // namespace millrace::ops
