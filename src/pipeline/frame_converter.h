#pragma once
// Decoded pictures to a model's tensors, on the device where those are.

#include <optional>
#include <stop_token>

#include "device/buffer_pool.h"
#include "device/picture.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "infer/borders.h"
#include "infer/model.h"
#include "ops/to_tensor.h"

namespace millrace::pipeline {

/// Not thread-safe: one a thread.
class FrameConverter {
  public:
    /// Tensors of `frame` size on `device`, as `model` wants them, or packed.
    FrameConverter(infer::ModelDescription model, infer::Size frame, device::DeviceId device,
                   std::optional<infer::PackedPicture> packed = std::nullopt);

    /// What run() enqueues on.
    [[nodiscard]] device::StreamRef stream() const { return stream_; }
    /// The picture there: itself, or a copy that is enqueued. Empty when stopped.
    [[nodiscard]] device::Picture on_device(device::Picture picture, const std::stop_token& stop);
    /// What run() makes of a picture of `desc`. Prepares for it, and anew when a stream changes its size or format
    /// midway.
    [[nodiscard]] const core::TensorDesc& output(const core::PictureDesc& desc);
    /// Enqueue `picture`, which is on the device, into `tensor`. Throws Error(bad_input) for a picture of another size
    /// or format than the video's, where the model takes planes.
    void run(const device::Picture& picture, const device::Tensor& tensor);

  private:
    void copy_planes(const device::Picture& picture, const device::Tensor& tensor);
    const ops::ToTensor& op(const core::PictureDesc& desc);

    infer::ModelDescription model_;
    infer::Size frame_;
    device::DeviceId device_;
    std::optional<infer::PackedPicture> packed_;
    device::Stream stream_;
    device::BufferPool uploads_;
    core::TensorDesc planes_;  ///< of a model that takes planes
    std::optional<ops::ToTensor> op_;
    core::PictureDesc op_desc_;
};

}  // namespace millrace::pipeline
