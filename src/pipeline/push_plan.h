#pragma once
// Which frames go into which segment where nobody knows how many will come.

#include <cstdint>
#include <map>
#include <optional>

#include "pipeline/journal.h"
#include "pipeline/segment_output.h"

namespace millrace::pipeline {

/// Segments of equal length, and what earlier runs left of them. Immutable, thread-safe.
class PushPlan {
  public:
    /// `length`: frames a segment. `finished`: of an earlier run; a shorter segment among them was its end, which this
    /// run may not have there, and is done again.
    PushPlan(std::int64_t length, int context_frames, std::map<int, SegmentRecord> finished);

    [[nodiscard]] std::int64_t length() const { return length_; }
    [[nodiscard]] int segment_of(std::int64_t frame) const { return static_cast<int>(frame / length_); }
    /// So many frames, from the first on, are safely on disk.
    [[nodiscard]] std::int64_t frames_done() const;
    /// What is to be done with a segment: nullopt for nothing.
    [[nodiscard]] std::optional<SegmentWork> work_on(int segment) const;
    /// Whether anybody looks at the frame.
    [[nodiscard]] bool wants(std::int64_t frame) const;
    [[nodiscard]] int context_frames() const { return context_frames_; }
    [[nodiscard]] const std::map<int, SegmentRecord>& finished() const { return finished_; }

  private:
    std::int64_t length_;
    int context_frames_;
    std::map<int, SegmentRecord> finished_;
};

}  // namespace millrace::pipeline
