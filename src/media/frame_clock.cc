#include "media/frame_clock.h"

#include <algorithm>

namespace millrace::media {

FrameClock::FrameClock(const StreamInfo& stream)
    : second_(core::rescale(1, {1, 1}, stream.time_base)),
      first_(stream.start_pts == core::no_pts ? 0 : stream.start_pts),
      counted_(stream.rate_from == RateFrom::user) {
    const core::Rational rate = stream.average_frame_rate;
    if (rate.num > 0) average_ = std::max<std::int64_t>(1, core::rescale(1, {rate.den, rate.num}, stream.time_base));
}

std::int64_t FrameClock::step(const device::Picture& picture) const {
    return picture.duration > 0 ? picture.duration : average_;
}

bool FrameClock::set_time(device::Picture& picture, const device::Picture* previous) {
    const bool missing = picture.pts == core::no_pts;
    if (previous == nullptr) {
        if (missing) picture.pts = first_;
        return missing && !counted_;
    }
    const std::int64_t expected = previous->pts + step(*previous);
    if (missing) {
        picture.pts = expected;
        return !counted_;
    }
    picture.pts += shift_;
    if (picture.pts <= previous->pts) {
        const bool jump = previous->pts - picture.pts > second_;
        const std::int64_t moved = jump ? expected : previous->pts + 1;
        if (jump) shift_ += moved - picture.pts;
        picture.pts = moved;
        return true;
    }
    return shift_ != 0;
}

}  // namespace millrace::media
