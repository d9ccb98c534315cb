#pragma once
// The end of a decode lane: frames become slots of the model's batches, or go on as they are.

#include <memory>
#include <stop_token>

#include "core/outcome.h"
#include "device/picture.h"
#include "pipeline/batcher.h"
#include "pipeline/frame.h"
#include "pipeline/job.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// Whether a frame of a segment is to be processed, or only seen by its neighbours (the halo of a model with a window).
enum class FrameRole { own, halo };

/// Takes the frames of one segment after another, in presentation order. Not thread-safe: one a lane.
class Feeder {
  public:
    virtual ~Feeder() = default;
    /// A new segment begins; its results go to `sink`.
    virtual void begin(std::shared_ptr<ResultSink> sink) = 0;
    virtual core::Push push(device::Picture picture, FrameRole role) = 0;
    /// The segment has no more frames. Returns cancelled when the job was stopped.
    virtual core::Push end() = 0;
    /// Frames of role own since begin().
    [[nodiscard]] virtual std::int64_t frames() const = 0;
};

/// Without a model: pictures go to the segment's output.
[[nodiscard]] std::unique_ptr<Feeder> make_picture_feeder(Profile& profile, std::stop_token stop);

/// With a model. `plan` and `batcher` must outlive the feeder.
[[nodiscard]] std::unique_ptr<Feeder> make_model_feeder(const ModelPlan& plan, Batcher& batcher, Profile& profile,
                                                        std::stop_token stop);

}  // namespace millrace::pipeline
