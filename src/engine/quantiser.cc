#include "engine/quantiser.h"

#include "device/copy.h"
#include "ops/bytes.h"

namespace millrace::engine {

namespace {

ops::TensorSpec spec_of(const FrameSpec& frames) {
    ops::TensorSpec spec;
    spec.dtype = frames.dtype == core::DType::uint8 ? core::DType::float32 : frames.dtype;
    spec.layout = frames.layout;
    spec.channels = frames.channels;
    spec.white = frames.white;
    return spec;
}

}  // namespace

Quantiser::Quantiser(const FrameSpec& frames, const core::PictureDesc& picture, pipeline::PicturePools& pools,
                     pipeline::Profile& profile, pipeline::Delivery delivery)
    : frames_(frames),
      picture_(picture),
      pools_(pools),
      profile_(profile),
      delivery_(delivery),
      work_(pools.device.device()),
      copies_(pools.device.device()),
      gpu_times_(work_, pipeline::Stage::to_picture, profile),
      to_picture_(spec_of(frames), frames.width, frames.height, picture),
      floats_host_({}, "frames as floats", device::unbounded),
      floats_device_(pools.device.device(), "frames as floats on the device", device::unbounded) {}

device::Picture Quantiser::make(const device::Tensor& frame) {
    profile_.count_frames(pipeline::Stage::to_picture);
    const pipeline::Timed busy(profile_, pipeline::Stage::to_picture, pipeline::Activity::busy);
    return device::on_host(frame.device) ? on_host(frame) : on_gpu(frame);
}

std::int64_t Quantiser::nan_values() const {
    device::synchronize(work_);
    return to_picture_.nan_count();
}

// To floats of the same values: ops know no other numbers.
device::Tensor Quantiser::widened(device::StreamRef stream, const device::Tensor& frame) {
    if (frames_.dtype != core::DType::uint8) return frame.share();
    const bool on_host = device::on_host(stream);
    device::Tensor floats =
        device::lease_tensor(on_host ? floats_host_ : floats_device_, {core::DType::float32, frames_.tensor().shape});
    ops::widen(stream, frame, floats);
    return floats;
}

device::Picture Quantiser::on_host(const device::Tensor& frame) {
    device::Picture picture = device::lease_picture(pools_.host, picture_);
    to_picture_.run(device::host_stream(), widened(device::host_stream(), frame), nullptr, picture);
    return picture;
}

device::Picture Quantiser::on_gpu(const device::Tensor& frame) {
    const bool stays = delivery_ == pipeline::Delivery::as_made;
    device::Picture& buffer = buffers_.at(next_);
    next_ = (next_ + 1) % buffers_.size();
    if (stays || !buffer) buffer = device::lease_picture(pools_.device, picture_);
    const device::Tensor floats = widened(work_, frame);
    gpu_times_.begin(floats.timeline, buffer.timeline);
    to_picture_.run(work_, floats, nullptr, buffer);
    gpu_times_.end();
    return stays ? std::move(buffer) : device::copied(copies_, pools_.host, buffer);
}

}  // namespace millrace::engine
