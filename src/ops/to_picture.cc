#include "ops/to_picture.h"

#include <fmt/format.h>

#include <cassert>
#include <mutex>

#include "core/error.h"
#include "ops/checks.h"
#include "ops/to_picture_host.h"

namespace millrace::ops {

namespace {

void set_matrix(ToPicturePlan& plan) {
    const core::PictureDesc& out = plan.output;
    const bool rgb = plan.spec.channels == Channels::rgb || plan.spec.channels == Channels::bgr;
    if (rgb && out.format.family != core::ColorFamily::rgb) {
        check_matrix(out.color.matrix, "RGB to Y'CbCr");
        plan.to_yuv = to_yuv(out.color.matrix);
    }
    if (plan.spec.channels == Channels::yuv && out.format.family == core::ColorFamily::rgb) {
        check_matrix(out.color.matrix, "Y'CbCr to RGB");
        plan.from_yuv = from_yuv(out.color.matrix);
    }
}

[[maybe_unused]] bool fits(const core::TensorDesc& desc, const ToPicturePlan& plan) {
    const std::int64_t channels = plan.spec.channels == Channels::luma ? 1 : 3;
    const std::vector<std::int64_t> nchw{channels, plan.tensor_height, plan.tensor_width};
    const std::vector<std::int64_t> nhwc{plan.tensor_height, plan.tensor_width, channels};
    return desc.dtype == plan.spec.dtype && desc.shape == (plan.spec.layout == Layout::nchw ? nchw : nhwc);
}

}  // namespace

struct ToPicture::Impl {
    ToPicturePlan plan;

    // The weights of the last chroma source: in one job they are always the same.
    std::mutex mutex;
    std::shared_ptr<const ChromaPlan> last;

    std::shared_ptr<const ChromaPlan> chroma_plan(const core::PictureDesc& source) {
        const std::scoped_lock lock(mutex);
        if (!last || last->source != source) {
            last = std::make_shared<const ChromaPlan>(plan_chroma(source, plan.output));
        }
        return last;
    }
};

ToPicture::ToPicture(const TensorSpec& spec, int tensor_width, int tensor_height, const core::PictureDesc& output)
    : impl_(std::make_unique<Impl>()) {
    check_picture(output);
    check_spec(spec);
    if (tensor_width < output.width || tensor_height < output.height) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a tensor of {}x{} cannot fill a picture of {}x{}: expected at least its size",
                                      tensor_width, tensor_height, output.width, output.height));
    }
    ToPicturePlan& plan = impl_->plan;
    plan.spec = spec;
    plan.tensor_width = tensor_width;
    plan.tensor_height = tensor_height;
    plan.output = output;
    plan.codes = code_scale(output.format.depth, output.color.range);
    plan.color = color_from_element(spec);
    set_matrix(plan);
}

ToPicture::~ToPicture() = default;
ToPicture::ToPicture(ToPicture&&) noexcept = default;
ToPicture& ToPicture::operator=(ToPicture&&) noexcept = default;

ToPictureResult ToPicture::run(device::StreamRef stream, const device::Tensor& tensor,
                               const device::Picture* chroma_source, const device::Picture& picture) const {
    assert(fits(tensor.desc, impl_->plan));
    assert(picture.desc == impl_->plan.output);
    assert(picture.device == stream.device && tensor.device == stream.device);
    if (stream.device.kind != device::DeviceKind::host) {
        throw core::Error(
            core::ErrorCode::failed,
            fmt::format("this build converts tensors on the CPU only, not on {}: move the tensor to the host "
                        "first",
                        device::to_string(stream.device)));
    }
    const bool borrows =
        impl_->plan.spec.channels == Channels::luma && impl_->plan.output.format.family != core::ColorFamily::gray;
    if (chroma_source == nullptr || !borrows) {
        return {to_picture_host(impl_->plan, tensor, nullptr, picture)};
    }
    const std::shared_ptr<const ChromaPlan> chroma = impl_->chroma_plan(chroma_source->desc);
    const BorrowedChroma borrowed{*chroma, *chroma_source};
    return {to_picture_host(impl_->plan, tensor, &borrowed, picture)};
}

}  // namespace millrace::ops
