#pragma once
// Decoded pictures to a model's tensors, on the device where those are.

#include <optional>
#include <stop_token>

#include "device/buffer_pool.h"
#include "device/picture.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "infer/model.h"
#include "ops/to_tensor.h"

namespace millrace::pipeline {

/// Not thread-safe: one a thread.
class FrameConverter {
  public:
    /// Tensors of `frame` size on `device`, as `model` wants them.
    FrameConverter(infer::ModelDescription model, infer::Size frame, device::DeviceId device);

    /// What run() enqueues on.
    [[nodiscard]] device::StreamRef stream() const { return stream_; }
    /// The picture there: itself, or a copy that is enqueued. Empty when stopped.
    [[nodiscard]] device::Picture on_device(device::Picture picture, const std::stop_token& stop);
    /// The op for pictures of `desc`; made anew when a stream changes its size or format midway.
    [[nodiscard]] const ops::ToTensor& op(const core::PictureDesc& desc);
    /// Enqueue `picture`, which is on the device, into `tensor`.
    void run(const device::Picture& picture, const device::Tensor& tensor) {
        op(picture.desc).run(stream_, picture, tensor);
    }

  private:
    infer::ModelDescription model_;
    infer::Size frame_;
    device::DeviceId device_;
    device::Stream stream_;
    device::BufferPool uploads_;
    std::optional<ops::ToTensor> op_;
    core::PictureDesc op_desc_;
};

}  // namespace millrace::pipeline
