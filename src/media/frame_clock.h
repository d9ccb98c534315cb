#pragma once
// Presentation times of a stream whose own have gaps or run backward.

#include <cstdint>

#include "device/picture.h"
#include "media/source.h"

namespace millrace::media {

/// Not thread-safe.
class FrameClock {
  public:
    explicit FrameClock(const StreamInfo& stream);

    /// Give `picture` a pts behind `previous` (null: it is the first). Missing: the previous plus its step. Repeated,
    /// or backward by less than a second: one tick behind the previous. Backward by more: a new run of times, moved
    /// behind the previous. True when the pts is not the picture's own, nor what the user's frame rate gives it.
    bool set_time(device::Picture& picture, const device::Picture* previous);

    /// How long a picture lasts where nothing follows: its own duration, else one over the average frame rate, else one
    /// tick.
    [[nodiscard]] std::int64_t step(const device::Picture& picture) const;

  private:
    std::int64_t second_;       // ticks
    std::int64_t average_ = 1;  // ticks per frame
    std::int64_t first_;        // pts of a first frame that has none
    std::int64_t shift_ = 0;    // of the current run of times
    bool counted_;              // none has a pts, as the user knows
};

}  // namespace millrace::media
