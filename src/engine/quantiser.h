#pragma once
// Frames that were handed over become what the encoder takes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "device/picture.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "engine/writer_job.h"
#include "ops/to_picture.h"
#include "pipeline/gpu_times.h"
#include "pipeline/picture_maker.h"

namespace millrace::engine {

/// By the ops that make pictures of a model's results: the same floats give the same bytes. Frames of the host are done
/// on return; of a GPU they are read by stream(), and pictures come down by a stream of their own, through a ring
/// on the device, each used again only when its copy is done. Not thread-safe.
class Quantiser {
  public:
    /// `pools` and `profile` must outlive it. as_made: pictures of a GPU stay there.
    Quantiser(const FrameSpec& frames, const core::PictureDesc& picture, pipeline::PicturePools& pools,
              pipeline::Profile& profile, pipeline::Delivery delivery);

    /// `frame`: as declared, of the host or of the pools' device. May still be in work, as its timeline says.
    [[nodiscard]] device::Picture make(const device::Tensor& frame);
    /// Whose work reads frames of a GPU.
    [[nodiscard]] device::StreamRef stream() const { return work_.ref(); }
    /// So far; waits for what is in work.
    [[nodiscard]] std::int64_t nan_values() const;

  private:
    [[nodiscard]] device::Picture on_host(const device::Tensor& frame);
    [[nodiscard]] device::Picture on_gpu(const device::Tensor& frame);
    [[nodiscard]] device::Tensor widened(device::StreamRef stream, const device::Tensor& frame);

    FrameSpec frames_;
    core::PictureDesc picture_;
    pipeline::PicturePools& pools_;
    pipeline::Profile& profile_;
    pipeline::Delivery delivery_;
    device::Stream work_;
    device::Stream copies_;
    pipeline::GpuTimes gpu_times_;
    ops::ToPicture to_picture_;
    device::BufferPool floats_host_;
    device::BufferPool floats_device_;
    /// Two for each frame of a small batch: the frames of one are made while those before it come down.
    std::array<device::Picture, 8> buffers_;
    std::size_t next_ = 0;
};

}  // namespace millrace::engine
