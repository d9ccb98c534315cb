#pragma once
// Head frames of a segment, for the encoder of the segment before.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <stop_token>

#include "core/outcome.h"
#include "device/picture.h"

namespace millrace::pipeline {

/// From the output of one segment to the output of the segment before. All that is given waits until the taker has
/// handled its own frames, so that no segment holds up another; from its first take() on, few pictures wait.
/// Thread-safe; one giver, one taker.
class ContextQueue {
  public:
    /// Blocks while the taker has `ahead` pictures to take. After leave() the picture is dropped. cancelled: the
    /// picture is lost, and so are all that follow: a taker must not see frames with a gap between them.
    core::Push give(device::Picture picture, const std::stop_token& stop);
    /// No more will be given. Not an end where pictures were lost.
    void close();

    /// Blocks until there is a picture. ended: closed, and all were taken.
    core::Pop take(device::Picture& picture, const std::stop_token& stop);
    /// The taker has seen enough: what waits is let go.
    void leave();

    static constexpr std::size_t ahead = 4;

  private:
    enum class Taker { elsewhere, taking, gone };

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<device::Picture> pictures_;
    Taker taker_ = Taker::elsewhere;
    bool closed_ = false;
    bool cut_ = false;  ///< by a stop
};

}  // namespace millrace::pipeline
