#pragma once
// Which segments are worked on, and how much of each.

#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/segment_output.h"

namespace millrace::pipeline {

/// What an interrupted job still needs: unfinished segments whole; the head of a finished one whose predecessor's
/// encoder wants context; and for a sequential model every segment before the last unfinished one, for its state.
[[nodiscard]] std::vector<SegmentSeat> make_schedule(const ResolvedJob& job,
                                                     const std::map<int, SegmentRecord>& finished);

/// Hands out segments in order. Thread-safe.
class Schedule {
  public:
    explicit Schedule(std::vector<SegmentSeat> seats) : seats_(std::move(seats)) {}

    [[nodiscard]] std::optional<SegmentSeat> next() {
        const std::lock_guard lock(mutex_);
        if (next_ == seats_.size()) return std::nullopt;
        // Moved out: a seat keeps pictures alive through its context.
        return std::move(seats_[next_++]);
    }
    /// Segments that nobody has taken yet.
    [[nodiscard]] std::size_t left() const {
        const std::lock_guard lock(mutex_);
        return seats_.size() - next_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<SegmentSeat> seats_;
    std::size_t next_ = 0;
};

}  // namespace millrace::pipeline
