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
/// No deadlock: a segment waits only after it has given its whole head to the segment before. Where k lanes are stopped
/// by segments that wait, k slots or more are held by segments whose frames have all come, and each lane that still
/// works can keep only one of those from ending.
class EncoderSlots {
  public:
    /// Lets so many more encoders be open.
    void add(int count);

    /// Gives itself back when it is destroyed.
    using Slot = std::shared_ptr<void>;

    /// Null where none is free or another segment waits for it.
    [[nodiscard]] Slot try_take();
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
