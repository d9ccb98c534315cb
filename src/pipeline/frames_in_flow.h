#pragma once
// How many frames of a segment are between its lane and its encoder.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace millrace::pipeline {

/// Lanes of a station that wait for outputs: what is behind there is encoders, not decoders or the model. Thread-safe.
class HeldLanes {
  public:
    /// While it lives, one lane more waits.
    class Wait {
      public:
        explicit Wait(HeldLanes& lanes) : lanes_(lanes) { ++lanes_.count_; }
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;
        Wait(Wait&&) = delete;
        Wait& operator=(Wait&&) = delete;
        ~Wait() { --lanes_.count_; }

      private:
        HeldLanes& lanes_;
    };

    [[nodiscard]] bool any() const { return count_ > 0; }

  private:
    std::atomic<int> count_{0};
};

/// Holds a segment's lane back while the segment has `limit` frames in flow. So the stages that lanes share always find
/// room for what they made, and never stop for one segment whose encoder is behind. Thread-safe; one lane waits.
class FramesInFlow {
  public:
    FramesInFlow(std::int64_t limit, HeldLanes& held) : limit_(limit), held_(held) {}

    /// Blocks until fewer than `limit` of the `fed` frames are left to do. False: stopped.
    [[nodiscard]] bool wait_for_room(std::int64_t fed, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        const auto has_room = [&] { return fed - done_ < limit_; };
        if (has_room()) return true;
        const HeldLanes::Wait counted(held_);
        return changed_.wait(lock, stop, has_room);
    }
    void count_done() {
        {
            const std::lock_guard lock(mutex_);
            ++done_;
        }
        changed_.notify_all();
    }

  private:
    std::int64_t limit_;
    HeldLanes& held_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::int64_t done_ = 0;
};

}  // namespace millrace::pipeline
