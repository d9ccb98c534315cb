#include "media/index.h"

#include <algorithm>
#include <cassert>

namespace millrace::media {

std::int64_t PacketIndex::frames_before(std::int64_t pts) const {
    return std::ranges::lower_bound(frame_pts, pts) - frame_pts.begin();
}

const AccessPoint& PacketIndex::access_point_for(std::int64_t pts) const {
    assert(segmentable() && !access_points.empty());
    const auto after = std::ranges::upper_bound(access_points, pts, {}, &AccessPoint::pts);
    return after == access_points.begin() ? access_points.front() : *(after - 1);
}

}  // namespace millrace::media
