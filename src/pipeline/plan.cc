#include "pipeline/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::pipeline {

namespace {

constexpr double shortest_seconds = 2;
constexpr double longest_seconds = 10;
constexpr double parts = 12;
constexpr double contexts = 4;

// Any length longer than a file can be is as good as another.
constexpr double most_ticks = 4e18;

std::int64_t to_ticks(double seconds, core::Rational time_base) {
    const double ticks = seconds * static_cast<double>(time_base.den) / static_cast<double>(time_base.num);
    return std::llround(std::min(ticks, most_ticks));
}

// Frames of the index within `range`: [first, last).
struct FrameSpan {
    std::int64_t first;
    std::int64_t last;
};

FrameSpan frames_in(const media::PacketIndex& index, const media::FrameRange& range) {
    const std::int64_t first = index.frames_before(range.begin);
    const auto total = static_cast<std::int64_t>(index.frame_pts.size());
    const std::int64_t last =
        range.end == std::numeric_limits<std::int64_t>::max() ? total : index.frames_before(range.end);
    return {first, std::max(first, last)};
}

}  // namespace

double segment_seconds(const LengthRule& rule) {
    if (rule.rate_controlled) return longest_seconds;
    return std::clamp(std::max(rule.selection / parts, contexts * rule.context), shortest_seconds, longest_seconds);
}

std::int64_t segment_ticks(const media::PacketIndex& index, const PlanSettings& settings) {
    if (settings.segment_seconds) return to_ticks(*settings.segment_seconds, settings.time_base);
    const FrameSpan span = frames_in(index, settings.selection);
    if (span.first == span.last) return to_ticks(shortest_seconds, settings.time_base);
    const std::int64_t ticks = index.frame_pts[static_cast<std::size_t>(span.last - 1)] -
                               index.frame_pts[static_cast<std::size_t>(span.first)];
    const double seconds = core::to_seconds(ticks, settings.time_base);
    const double context = settings.context_frames * seconds / static_cast<double>(span.last - span.first);
    return to_ticks(segment_seconds({seconds, context, settings.rate_controlled}), settings.time_base);
}

std::vector<Segment> make_plan(const media::PacketIndex& index, const PlanSettings& settings) {
    if (!index.segmentable()) return {Segment{0, settings.selection, 0, -1}};
    const FrameSpan span = frames_in(index, settings.selection);
    if (span.first == span.last) return {};

    std::vector<std::int64_t> cuts;
    if (settings.cuttable) {
        const std::int64_t length = segment_ticks(index, settings);
        std::int64_t last_cut = index.frame_pts[static_cast<std::size_t>(span.first)];
        for (const media::AccessPoint& point : index.access_points) {
            if (point.pts - last_cut < length || point.pts >= settings.selection.end) continue;
            cuts.push_back(point.pts);
            last_cut = point.pts;
        }
    }

    std::vector<Segment> segments;
    std::int64_t begin = settings.selection.begin;
    std::int64_t first = span.first;
    for (const std::int64_t cut : cuts) {
        const std::int64_t next = index.frames_before(cut);
        if (next == first || next >= span.last) continue;  // a cut must leave frames on both sides
        segments.push_back({static_cast<int>(segments.size()), {begin, cut}, first - span.first, next - first});
        begin = cut;
        first = next;
    }
    segments.push_back(
        {static_cast<int>(segments.size()), {begin, settings.selection.end}, first - span.first, span.last - first});
    return segments;
}

media::FrameRange with_halo(const media::PacketIndex& index, const media::FrameRange& range, int before, int after) {
    const FrameSpan span = frames_in(index, range);
    const auto total = static_cast<std::int64_t>(index.frame_pts.size());
    media::FrameRange wide = range;
    if (before > 0 && span.first > 0) {
        wide.begin = index.frame_pts[static_cast<std::size_t>(std::max<std::int64_t>(0, span.first - before))];
    }
    if (after > 0 && span.last < total) {
        const std::int64_t end = span.last + after;
        wide.end =
            end < total ? index.frame_pts[static_cast<std::size_t>(end)] : std::numeric_limits<std::int64_t>::max();
    }
    return wide;
}

}  // namespace millrace::pipeline
