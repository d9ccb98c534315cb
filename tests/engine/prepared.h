#pragma once
// Inputs and jobs of made-up files, for tests of what the engine decides.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/resolve.h"

namespace millrace::engine::test {

/// An input whose video has frames at `pts` (sorted), cuttable at the first.
inline OpenedInput make_input(std::vector<std::int64_t> pts, core::Rational time_base) {
    OpenedInput input;
    media::StreamInfo video;
    video.kind = media::MediaKind::video;
    video.time_base = time_base;
    video.picture.width = 1920;
    video.picture.height = 1080;
    input.info.streams = {video};
    input.info.video = 0;
    input.info.path = "in.mp4";
    media::PacketIndex index;
    if (!pts.empty()) index.access_points.push_back({0, pts.front(), pts.front(), 0});
    index.frame_pts = std::move(pts);
    input.index = std::make_shared<const media::PacketIndex>(std::move(index));
    return input;
}

}  // namespace millrace::engine::test
