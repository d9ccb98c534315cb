#include "pipeline/frame_converter.h"

#include <utility>

#include "device/copy.h"
#include "pipeline/model_io.h"

namespace millrace::pipeline {

FrameConverter::FrameConverter(infer::ModelDescription model, infer::Size frame, device::DeviceId device)
    : model_(std::move(model)),
      frame_(frame),
      device_(device),
      stream_(device),
      // Bounded by what is in flight behind this, which is all that keeps pictures.
      uploads_(device, "uploaded pictures", device::unbounded) {}

device::Picture FrameConverter::on_device(device::Picture picture, const std::stop_token& stop) {
    if (picture.device == device_) return picture;
    return device::copied(stream_, uploads_, picture, stop);
}

const ops::ToTensor& FrameConverter::op(const core::PictureDesc& desc) {
    if (!op_ || op_desc_ != desc) {
        op_.emplace(desc, input_spec(model_), fit_to(model_, {desc.width, desc.height}, frame_));
        op_desc_ = desc;
    }
    return *op_;
}

}  // namespace millrace::pipeline
