#pragma once
// More pictures out than frames in: a processor of twice the frame rate.

#include <cstdint>
#include <functional>
#include <optional>

#include "pipeline/frame.h"

namespace millrace::pipeline {

/// Makes `rate` pictures of each frame: the frame's own, and those that divide the time up to the next one evenly.
/// Their pts and durations are in ticks of 1/rate of the input's, where that comes out even. Not thread-safe.
class FrameMultiplier {
  public:
    using Emit = std::function<void(FrameResult)>;

    FrameMultiplier(int rate, Emit emit) : rate_(rate), emit_(std::move(emit)) {}

    /// Frames in order. With a rate of 1 each goes through as it is; else when the next one's time is known.
    void add(FrameResult frame);
    /// The last frame lasts until `end`, in ticks of the input.
    void end(std::int64_t end);
    /// The frame whose end is not known yet.
    [[nodiscard]] const std::optional<FrameResult>& last() const { return last_; }

  private:
    int rate_;
    Emit emit_;
    std::optional<FrameResult> last_;
};

}  // namespace millrace::pipeline
