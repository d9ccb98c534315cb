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

    /// In order of decoding.
    void add(const AVPacket& packet) {
        end_ = std::max(end_, packet.pts + packet.duration);
        before_last_ = last_;
        last_ = packet.dts;
    }

    /// The last packet that was added: where the sum falls short of what is shown, it is decoded as long before it is
    /// shown as the first one is, but behind the packet before it, and lasts until the sum is right.
    void stretch(AVPacket& last) const {
        const std::int64_t shown = end_ - first_pts_;
        if (last.dts == AV_NOPTS_VALUE || last.dts + last.duration - first_dts_ >= shown) return;
        last.dts = std::max(last.pts - (first_pts_ - first_dts_), before_last_ + 1);
        last.duration = shown - (last.dts - first_dts_);
    }

  private:
    std::int64_t first_pts_;
    std::int64_t first_dts_;
    std::int64_t end_ = std::numeric_limits<std::int64_t>::min();
    std::int64_t last_ = std::numeric_limits<std::int64_t>::min();  ///< decode times
    std::int64_t before_last_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace millrace::media
