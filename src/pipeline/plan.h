#pragma once
// Cutting a file into segments.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/rational.h"
#include "media/frame_reader.h"
#include "media/index.h"

namespace millrace::pipeline {

/// A run of frames that is decoded and encoded on its own: those with begin <= pts < end.
struct Segment {
    int number = 0;  ///< from 0, in presentation order
    media::FrameRange range;
    std::int64_t first_frame = 0;   ///< of the frames worked on, from 0
    std::int64_t frame_count = -1;  ///< by the index; -1 unknown
};

/// What a plan follows from: the input and the settings, nothing of the machine.
struct PlanSettings {
    core::Rational time_base;
    media::FrameRange selection;            ///< frames asked for
    std::optional<double> segment_seconds;  ///< asked for; nullopt: by the rule
    bool rate_controlled = false;           ///< encoding to a bit rate: segments of at least 10 s
    int context_frames = 0;                 ///< of the next segment, that each segment's encoder looks at
    bool cuttable = true;                   ///< false: the encoder or the output wants one segment
};

/// What the length of a segment follows from, in seconds.
struct LengthRule {
    double selection = 0;  ///< all that is worked on; 0: nobody knows
    double context = 0;    ///< of the next segment, that each segment's encoder looks at
    bool rate_controlled = false;
};

/// Shortest length of a segment in seconds, by the rule: a twelfth of the selection, at least 2 s and at most 10 s;
/// within that at least four times its context, which is work done twice; 10 s when rate_controlled.
[[nodiscard]] double segment_seconds(const LengthRule& rule);

/// The same in ticks, or what the settings ask for.
[[nodiscard]] std::int64_t segment_ticks(const media::PacketIndex& index, const PlanSettings& settings);

/// Cuts at the first access point that is at least segment_ticks() after the last cut. One segment where the index or
/// the settings forbid cuts. Empty when the selection holds no frame.
[[nodiscard]] std::vector<Segment> make_plan(const media::PacketIndex& index, const PlanSettings& settings);

/// The range that also holds the `before` frames before and the `after` frames after `range`, where the file has them.
[[nodiscard]] media::FrameRange with_halo(const media::PacketIndex& index, const media::FrameRange& range, int before,
                                          int after);

}  // namespace millrace::pipeline
