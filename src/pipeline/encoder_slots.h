#pragma once
// How many encoders are open at once.

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>

namespace millrace::pipeline {

/// Each open encoder holds the frames that it looks ahead at, which is most of what a run takes in memory. There is one
/// slot a lane, and segments that wait are let in in the order of the file. Thread-safe; outlives its slots.
///
/// No deadlock, as only lanes wait, each for one segment, and only once its whole head, which the segment before needs,
/// is on its way through stages that never wait for a slot. When all k lanes wait, the frames of the k segments
/// that hold a slot have all been handed on, and so has the head of each one's successor: lanes take segments in order,
/// so the latest of all is one that waits.
class EncoderSlots {
  public:
    /// Lets so many more encoders be open.
    void add(int count);

    /// Gives itself back when it is destroyed.
    using Slot = std::shared_ptr<void>;

    /// Blocks until there is one. Null: stopped.
    [[nodiscard]] Slot take(int segment, const std::stop_token& stop);

    /// Segments in take().
    [[nodiscard]] std::size_t waiting() const;

  private:
    [[nodiscard]] Slot make_slot();

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::set<int> waiting_;
    int free_ = 0;
};

}  // namespace millrace::pipeline
