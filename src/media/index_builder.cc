#include "media/index_builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

namespace millrace::media {

namespace {

// No codec reorders further: 16 frames in H.264 and HEVC, coded as fields 32.
constexpr int most_reorder = 32;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

}  // namespace

void IndexBuilder::add(const PacketFacts& packet) { packets_.push_back(packet); }

void IndexBuilder::set_one_segment(const std::string& reason) {
    if (index_.one_segment_reason.empty()) index_.one_segment_reason = reason;
}

std::vector<PacketFacts>::iterator IndexBuilder::first_access_point() {
    return std::ranges::find_if(packets_, [](const PacketFacts& packet) {
        return packet.random_access && packet.shown && packet.pts != core::no_pts;
    });
}

std::optional<std::int64_t> IndexBuilder::uncertain_before() {
    if (!index_.one_segment_reason.empty()) return std::nullopt;
    const auto first = first_access_point();
    if (first == packets_.end()) {
        if (!packets_.empty()) set_one_segment("no packet at which a decoder may begin");
        return std::nullopt;
    }
    const bool early = std::ranges::any_of(packets_, [first](const PacketFacts& packet) {
        return packet.shown && (packet.pts == core::no_pts || packet.pts < first->pts);
    });
    return early ? std::optional(first->pts) : std::nullopt;
}

void IndexBuilder::set_start(const std::vector<StartFrame>& frames) {
    const auto first = first_access_point();
    // Packets without a time are settled by decoding too, as far as they lie before the second access point.
    const auto second = std::find_if(first + 1, packets_.end(), [](const PacketFacts& p) { return p.random_access; });
    for (auto packet = packets_.begin(); packet != packets_.end(); ++packet) {
        const bool before = packet->pts == core::no_pts ? packet < second : packet->pts < first->pts;
        if (before) packet->shown = false;
    }
    start_ = frames;
}

PacketIndex IndexBuilder::finish() {
    check_times();
    fill_frames();
    find_access_points();
    return std::move(index_);
}

void IndexBuilder::check_times() {
    std::int64_t last_dts = lowest;
    for (const PacketFacts& packet : packets_) {
        if (packet.pts == core::no_pts && packet.shown) set_one_segment("packets without a presentation time");
        if (packet.dts == core::no_pts) continue;
        if (packet.dts < last_dts) set_one_segment("decoding times run backward");
        last_dts = packet.dts;
    }
}

void IndexBuilder::fill_frames() {
    struct Frame {
        std::int64_t pts;
        std::int64_t duration;
        std::int64_t place;  // in decode order
    };
    std::vector<Frame> frames;
    for (const StartFrame& frame : start_) {
        if (frame.pts == core::no_pts) set_one_segment("first frames without a presentation time");
        if (frame.pts == core::no_pts) continue;
        frames.push_back({frame.pts, frame.duration, static_cast<std::int64_t>(frames.size())});
    }
    for (const PacketFacts& packet : packets_) {
        if (!packet.shown || packet.pts == core::no_pts) continue;
        frames.push_back({packet.pts, packet.duration, static_cast<std::int64_t>(frames.size())});
    }
    std::ranges::sort(frames, {}, &Frame::pts);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const Frame& frame = frames[i];
        if (i > 0 && frame.pts == frames[i - 1].pts) {
            set_one_segment(fmt::format("two frames share pts {}", frame.pts));
        }
        index_.reorder = std::max(index_.reorder, static_cast<int>(frame.place - static_cast<std::int64_t>(i)));
        index_.frame_pts.push_back(frame.pts);
        index_.frame_durations.push_back(frame.duration);
    }
    if (index_.reorder > most_reorder) set_one_segment("presentation times run backward");
}

void IndexBuilder::find_access_points() {
    std::int64_t highest = lowest;
    for (std::size_t i = 0; i < packets_.size(); ++i) {
        const PacketFacts& packet = packets_[i];
        const bool holds = packet.random_access && packet.shown && packet.pts != core::no_pts && packet.pts > highest;
        if (i == 0 || holds) {
            index_.access_points.push_back({.position = packet.position,
                                            .pts = packet.pts,
                                            .dts = packet.dts,
                                            .ordinal = static_cast<std::int64_t>(i)});
        }
        if (packet.pts != core::no_pts) highest = std::max(highest, packet.pts);
    }
}

}  // namespace millrace::media
