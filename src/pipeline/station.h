#pragma once
// One of a job's devices: the model there, what feeds it, and the memory of what it makes.

#include <cstddef>
#include <memory>
#include <optional>

#include "pipeline/batcher.h"
#include "pipeline/failure.h"
#include "pipeline/feeder.h"
#include "pipeline/frames_in_flow.h"
#include "pipeline/job.h"
#include "pipeline/model_stage.h"
#include "pipeline/picture_maker.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// What the stage after the decoders is seen doing: is_blocked by outputs that are behind.
enum class Next { works, starves, is_blocked };

/// A lane, and the outputs of the segments that it reads, belong to one station. Thread-safe but for start() and end().
class Station {
  public:
    /// `index`: of the job's devices. References must outlive the station.
    Station(const ResolvedJob& job, const Backends& backends, std::size_t index, Profile& profile, Failure& failure);

    void start();
    /// No lane of it is left: waits for the model's last batch.
    void end();

    [[nodiscard]] std::unique_ptr<Feeder> make_feeder();
    /// A segment ended: do not wait for more of its frames.
    void flush();
    [[nodiscard]] Next next() const;
    [[nodiscard]] std::size_t index() const { return index_; }
    [[nodiscard]] PicturePools& pictures() { return pictures_; }
    [[nodiscard]] HeldLanes& held() { return held_; }

  private:
    const ResolvedJob& job_;
    const Backends& backends_;
    std::size_t index_;
    Profile& profile_;
    Failure& failure_;
    PicturePools pictures_;
    HeldLanes held_;
    std::optional<Batcher> batcher_;
    std::optional<ModelStage> model_;
};

}  // namespace millrace::pipeline
