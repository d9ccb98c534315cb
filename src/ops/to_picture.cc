#include "ops/to_picture.h"

#include <fmt/format.h>

#include <cassert>
#include <mutex>

#include "core/error.h"
#include "ops/checks.h"
#include "ops/to_picture_cuda.h"
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
    if (const auto& packing = plan.spec.packing) {
        return desc == core::TensorDesc{plan.spec.dtype,
                                        {plan.tensor_height / packing->block, plan.tensor_width / packing->block,
                                         packing->channels}};
    }
    const std::int64_t channels = plan.spec.channels == Channels::luma ? 1 : 3;
    const std::vector<std::int64_t> nchw{channels, plan.tensor_height, plan.tensor_width};
    const std::vector<std::int64_t> nhwc{plan.tensor_height, plan.tensor_width, channels};
    return desc.dtype == plan.spec.dtype && desc.shape == (plan.spec.layout == Layout::nchw ? nchw : nhwc);
}

}  // namespace

ToPicturePlan plan_to_picture(const TensorSpec& spec, int tensor_width, int tensor_height,
                              const core::PictureDesc& output) {
    check_picture(output);
    check_spec(spec);
    if (tensor_width < output.width || tensor_height < output.height) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a tensor of {}x{} cannot fill a picture of {}x{}: expected at least its size",
                                      tensor_width, tensor_height, output.width, output.height));
    }
    ToPicturePlan plan;
    plan.spec = spec;
    plan.tensor_width = tensor_width;
    plan.tensor_height = tensor_height;
    plan.output = output;
    plan.codes = code_scale(output.format.depth, output.color.range);
    plan.color = color_from_element(spec);
    set_matrix(plan);
    return plan;
}

namespace {

struct KeptChroma {
    explicit KeptChroma(ChromaPlan of) : plan(std::move(of)), tables(plan.x, plan.y) {}

    const ChromaPlan plan;
    DeviceTables tables;
};

}  // namespace

struct ToPicture::Impl {
    ToPicturePlan plan;
    NanCounter nan;

    // The weights of the last chroma source: in one job they are always the same.
    std::mutex mutex;
    std::shared_ptr<KeptChroma> last;

    std::shared_ptr<KeptChroma> chroma_of(const core::PictureDesc& source) {
        const std::scoped_lock lock(mutex);
        if (!last || last->plan.source != source) last = std::make_shared<KeptChroma>(plan_chroma(source, plan.output));
        return last;
    }

    std::int64_t run(device::StreamRef stream, const ToPictureWork& work, DeviceTables* tables) {
        if (device::on_host(stream)) {
            const std::int64_t seen = to_picture_host(plan, work.tensor, work.chroma, work.picture);
            nan.add(seen);
            return seen;
        }
        to_picture_cuda(stream, plan, work, {tables, nan});
        return 0;
    }
};

ToPicture::ToPicture(const TensorSpec& spec, int tensor_width, int tensor_height, const core::PictureDesc& output)
    : impl_(std::make_unique<Impl>()) {
    impl_->plan = plan_to_picture(spec, tensor_width, tensor_height, output);
}

ToPicture::~ToPicture() = default;
ToPicture::ToPicture(ToPicture&&) noexcept = default;
ToPicture& ToPicture::operator=(ToPicture&&) noexcept = default;

ToPictureResult ToPicture::run(device::StreamRef stream, const device::Tensor& tensor,
                               const device::Picture* chroma_source, const device::Picture& picture) const {
    assert(fits(tensor.desc, impl_->plan));
    assert(!impl_->plan.spec.packing || stream.device.kind == device::DeviceKind::cuda);
    assert(picture.desc == impl_->plan.output);
    assert(picture.device == stream.device && tensor.device == stream.device);
    device::Access access(stream, tensor.timeline, picture.timeline);
    const bool borrows =
        impl_->plan.spec.channels == Channels::luma && impl_->plan.output.format.family != core::ColorFamily::gray;
    ToPictureResult result;
    if (chroma_source == nullptr || !borrows) {
        result.nan_count = impl_->run(stream, {tensor, picture}, nullptr);
    } else {
        const std::shared_ptr<KeptChroma> chroma = impl_->chroma_of(chroma_source->desc);
        const BorrowedChroma borrowed{chroma->plan, *chroma_source};
        device::Access source(stream, chroma_source->timeline, nullptr);
        result.nan_count = impl_->run(stream, {tensor, picture, &borrowed}, &chroma->tables);
        source.done();
    }
    access.done();
    return result;
}

std::int64_t ToPicture::nan_count() const { return impl_->nan.total(); }

}  // namespace millrace::ops
