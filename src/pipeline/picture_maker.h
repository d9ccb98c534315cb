#pragma once
// What the encoder takes, made of what the model or the decoder gave.

#include <optional>

#include "device/buffer_pool.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"
#include "pipeline/frame.h"
#include "pipeline/job.h"

namespace millrace::pipeline {

/// Makes pictures of one description. Not thread-safe.
class PictureMaker {
  public:
    /// `model`: null without one. `pool` must outlive the maker.
    PictureMaker(const ModelPlan* model, core::PictureDesc target, device::BufferPool& pool);

    /// Whether make() would hand the picture on as it is.
    [[nodiscard]] bool passes(const FrameResult& frame) const;
    /// A picture of the target description with the tag's pts and duration. A decoded picture that has the description
    /// already passes through. Adds NaN values to nan_values().
    [[nodiscard]] device::Picture make(FrameResult frame);
    [[nodiscard]] std::int64_t nan_values() const { return nan_values_; }

  private:
    device::Picture from_model(const FrameTag& tag, const ModelResult& result);
    device::Picture converted(const device::Picture& picture);
    void prepare_conversion(const core::PictureDesc& from);
    void write(const device::Tensor& tensor, const device::Picture* chroma, const device::Picture& picture);

    const ModelPlan* model_;
    core::PictureDesc target_;
    device::BufferPool& pool_;
    std::optional<core::PictureDesc> converts_from_;
    std::optional<ops::ToTensor> to_tensor_;
    std::optional<ops::ToPicture> to_picture_;
    std::int64_t nan_values_ = 0;
};

}  // namespace millrace::pipeline
