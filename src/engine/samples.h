#pragma once
// What two ways of running a model are compared on.

#include <string>
#include <vector>

#include "core/picture_desc.h"
#include "device/buffer_pool.h"
#include "device/tensor.h"
#include "engine/opened_input.h"
#include "infer/closeness.h"
#include "infer/session.h"
#include "media/decoder.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// What a model sees of some of the video, on the host: one entry of its picture input each, without the batch.
class Samples {
  public:
    /// Frames from four places of the video, with the neighbours that the model asks for, the middle tile where it
    /// works on tiles. Of a classifier up to 200 frames from up to twenty places, as far as three seconds of reading
    /// and 256 MiB go. Of a pipe, which is read once only, test patterns. Throws what reading throws.
    Samples(const OpenedInput& input, const media::DecoderOptions& decoder, const pipeline::ModelPlan& plan);
    /// Without a video: test patterns of the plan's frame size.
    explicit Samples(const pipeline::ModelPlan& plan);

    [[nodiscard]] const std::vector<device::Tensor>& entries() const { return entries_; }
    /// "4 frames", "2 test patterns".
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    void draw(const core::PictureDesc& picture, const pipeline::ModelPlan& plan);

    device::BufferPool pool_;
    std::vector<device::Tensor> entries_;
    std::string text_;
};

/// Run a session on samples, as many side by side as its batch has places; states are zeros.
[[nodiscard]] std::vector<infer::Results> run_samples(infer::Session& session,
                                                      const std::vector<device::Tensor>& entries);

}  // namespace millrace::engine
