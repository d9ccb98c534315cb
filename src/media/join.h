#pragma once
// Timestamps of an output: whether frames come at a constant rate, and what a join of encoded segments needs.

#include <cstdint>
#include <span>
#include <vector>

#include "core/rational.h"

namespace millrace::media {

enum class FrameTiming { constant, variable };

/// constant: every one of the sorted `pts` lies within a tick of where a constant `frame_rate` would have put it (a
/// container's ticks may be too coarse for the rate). variable otherwise, and where the rate is unknown.
[[nodiscard]] FrameTiming find_timing(std::span<const std::int64_t> pts, core::Rational time_base,
                                      core::Rational frame_rate);

/// Decoding timestamps for packets in file order: with pts sorted over the file and D the largest reorder (in packets),
/// dts[i] = pts_sorted[i - D], the first D extrapolated downward by the first distance. Strictly increasing, never
/// above its packet's pts. `pts`: distinct (asserted), any time base. O(n log n).
[[nodiscard]] std::vector<std::int64_t> make_dts(std::span<const std::int64_t> pts);

/// Largest number of packets by which a packet's place in presentation order precedes its place in decode order: the
/// smallest delay with which every dts can stay at or below its pts. 0 for fewer than two packets.
[[nodiscard]] int largest_reorder(std::span<const std::int64_t> pts);

}  // namespace millrace::media
