#include "pipeline/frame_converter.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "core/planes.h"
#include "device/copy.h"
#include "ops/repack.h"
#include "pipeline/model_io.h"

namespace millrace::pipeline {

FrameConverter::FrameConverter(infer::ModelDescription model, infer::Size frame, device::DeviceId device,
                               std::optional<infer::PackedPicture> packed)
    : model_(std::move(model)),
      frame_(frame),
      device_(device),
      packed_(std::move(packed)),
      stream_(device),
      // Bounded by what is in flight behind this, which is all that keeps pictures.
      uploads_(device, "uploaded pictures", device::unbounded) {
    if (model_.planes) planes_ = core::planes_desc(*model_.planes);
}

device::Picture FrameConverter::on_device(device::Picture picture, const std::stop_token& stop) {
    if (picture.device == device_) return picture;
    return device::copied(stream_, uploads_, picture, stop);
}

const core::TensorDesc& FrameConverter::output(const core::PictureDesc& desc) {
    return model_.planes ? planes_ : op(desc).output();
}

void FrameConverter::run(const device::Picture& picture, const device::Tensor& tensor) {
    if (model_.planes) return copy_planes(picture, tensor);
    op(picture.desc).run(stream_, picture, tensor);
}

void FrameConverter::copy_planes(const device::Picture& picture, const device::Tensor& tensor) {
    const core::PictureDesc& wanted = *model_.planes;
    const core::PictureDesc& found = picture.desc;
    if (found.width != wanted.width || found.height != wanted.height ||
        !core::same_samples(found.format, wanted.format)) {
        throw core::Error(
            core::ErrorCode::bad_input,
            fmt::format("{} takes yuv planes, which are {}x{} {} as the video begins, and the frame at pts "
                        "{} is {}x{} {}; declare rgb, bgr or luma, for which frames are brought to one size",
                        model_.path, wanted.width, wanted.height, core::name(wanted.format), picture.pts, found.width,
                        found.height, core::name(found.format)));
    }
    ops::repack(stream_, picture, ops::planes_in(tensor, wanted));
}

const ops::ToTensor& FrameConverter::op(const core::PictureDesc& desc) {
    if (!op_ || op_desc_ != desc) {
        op_.emplace(desc, packed(input_spec(model_), packed_), fit_to(model_, {desc.width, desc.height}, frame_));
        op_desc_ = desc;
    }
    return *op_;
}

}  // namespace millrace::pipeline
