#pragma once
// Timestamps of an output: whether frames come at a constant rate, and what a join of encoded segments needs.

#include <cstddef>
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

/// Decoding timestamps of a file's packets, in file order, from packet number `first` on: with D the `reorder` of the
/// file, dts[i] = sorted[i - D], the first D extrapolated downward by the first distance. Strictly increasing, never
/// above its packet's pts. `sorted`: pts of the file's packets from the first one to the last that is asked for, any
/// time base; where D > 0 and first < D at least two.
[[nodiscard]] std::vector<std::int64_t> make_dts(std::span<const std::int64_t> sorted, int reorder,
                                                 std::size_t first = 0);

/// Largest number of packets by which a packet's place in presentation order precedes its place in decode order: the
/// smallest delay with which every dts can stay at or below its pts. 0 for fewer than two packets. Of packets that
/// follow one another in both orders, such as a segment's, or all of a file. `pts`: distinct (asserted). O(n log n).
[[nodiscard]] int largest_reorder(std::span<const std::int64_t> pts);

}  // namespace millrace::media
