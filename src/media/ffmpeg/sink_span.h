#pragma once
// How long a video lasts, where a container has it from decode times.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "media/ffmpeg/handles.h"

namespace millrace::media {

/// MP4 keeps the distances between decode times, and their sum is the length of the track. With B-frames and frames
/// of different durations the last decode time lies anywhere before the end: too early, and the track is too short.
class ShownSpan {
  public:
    ShownSpan(std::int64_t first_pts, std::int64_t first_dts) : first_pts_(first_pts), first_dts_(first_dts) {}

    void add(const AVPacket& packet) { end_ = std::max(end_, packet.pts + packet.duration); }

    /// The last packet in order of decoding, of those that were added: where the sum falls short of what is shown, it
    /// is decoded as long before it is shown as the first one is, and lasts to the end.
    void stretch(AVPacket& last) const {
        const std::int64_t sum = last.dts + last.duration - first_dts_;
        if (last.dts == AV_NOPTS_VALUE || sum >= end_ - first_pts_) return;
        last.dts = last.pts - (first_pts_ - first_dts_);
        last.duration = end_ - last.pts;
    }

  private:
    std::int64_t first_pts_;
    std::int64_t first_dts_;
    std::int64_t end_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace millrace::media
