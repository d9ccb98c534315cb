#pragma once
// Which frames of an input a job works on: -ss, -t, --frames.

#include <cstdint>
#include <optional>

#include "engine/opened_input.h"
#include "media/frame_reader.h"
#include "pipeline/job.h"

namespace millrace::engine {

struct Selection {
    media::FrameRange range;                  ///< in the video's time base
    std::optional<std::int64_t> frame_limit;  ///< where the index cannot turn --frames into a range
    std::int64_t shift = 0;                   ///< subtracted from pts, video's time base: what -ss skips
    std::int64_t shift_us = 0;                ///< the same in microseconds
    std::int64_t begin_us = INT64_MIN;        ///< for copied streams, source time
    std::int64_t end_us = INT64_MAX;
};

/// Throws Error(bad_input) when no frame is left, naming what the file has.
[[nodiscard]] Selection select_frames(const OpenedInput& input, const InputOptions& options);

/// --on-corrupt in the words of the pipeline.
[[nodiscard]] pipeline::CorruptPolicy to_policy(OnCorrupt policy);

}  // namespace millrace::engine
