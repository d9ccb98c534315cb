#pragma once
// What the encoder takes, made of what the model or the decoder gave.

#include <optional>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"
#include "pipeline/frame.h"
#include "pipeline/gpu_times.h"
#include "pipeline/job.h"

namespace millrace::pipeline {

/// Memory of the pictures that are made, which outlives their makers. host: what encoders take; pinned, where the model
/// runs on a GPU. device: on the model's device, before they come down from there; the host's is never used.
struct PicturePools {
    explicit PicturePools(device::DeviceId where);
    device::BufferPool host;
    device::BufferPool device;
};

/// Where made pictures are wanted. as_made: on the model's device, for encoders that work there.
enum class Delivery { host, as_made };

/// Makes pictures of one description. Not thread-safe.
class PictureMaker {
  public:
    /// `model`: null without one; its results are where `pools.device` is, and planes are of `target`'s samples.
    /// `pools` must outlive the maker. Its work on a GPU is counted in `profile`.
    PictureMaker(const ModelPlan* model, core::PictureDesc target, PicturePools& pools, Profile& profile,
                 Delivery delivery = Delivery::host);

    /// Whether make() would hand the picture on as it is.
    [[nodiscard]] bool passes(const FrameResult& frame) const;
    /// A picture of the target description with the tag's pts and duration. A decoded picture that has the description
    /// already passes through. It may still be in work, or on its way to the host: its timeline says when it is there.
    [[nodiscard]] device::Picture make(FrameResult frame);
    /// Of all that was made so far; waits for it.
    [[nodiscard]] std::int64_t nan_values() const;

  private:
    device::Picture from_model(const FrameTag& tag, const ModelResult& result);
    device::Picture converted(const device::Picture& picture);
    void prepare_conversion(const core::PictureDesc& from);

    const ModelPlan* model_;
    core::PictureDesc target_;
    PicturePools& pools_;
    Delivery delivery_;
    device::Stream stream_;
    GpuTimes gpu_times_;
    std::optional<core::PictureDesc> converts_from_;
    std::optional<ops::ToTensor> to_tensor_;
    std::optional<ops::ToPicture> to_picture_;
};

}  // namespace millrace::pipeline
