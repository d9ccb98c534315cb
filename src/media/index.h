#pragma once
// The packet index: every video packet of a file, without decoding.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "media/source.h"

namespace millrace::media {

/// Index of the job's video stream. Made once, shared read-only by all lanes.
struct PacketIndex {
    std::vector<AccessPoint> access_points;     ///< where a decoder may begin; presentation order, first entry first
    std::vector<std::int64_t> frame_pts;        ///< pts of every frame that will be shown, sorted
    std::vector<std::int64_t> frame_durations;  ///< beside frame_pts: the packet's own, 0 unknown
    int reorder = 0;                            ///< largest pts reorder seen, in frames
    /// Empty: the file may be cut at any access point. Else why it is one segment ("two frames share pts 3003",
    /// "gradual refresh", "raw h264 stream", "standard input"); frame_pts may then be empty or a guess.
    std::string one_segment_reason;
    /// Empty, or what of the file is lost before any decoding ("cut off: 57 of 100 packets are there"). For the report.
    std::string damage;
    /// What opening the file found out, for readers. Null: nothing.
    std::shared_ptr<const KnownFile> file{};

    [[nodiscard]] bool segmentable() const { return one_segment_reason.empty(); }
    /// Number of frames with pts < `pts`.
    [[nodiscard]] std::int64_t frames_before(std::int64_t pts) const;
    /// The last access point from which the frame at `pts` decodes completely (leading pictures of an open GOP belong
    /// to the point before). Asserts segmentable().
    [[nodiscard]] const AccessPoint& access_point_for(std::int64_t pts) const;
};

/// Read the index: MP4 and MOV from their tables, others by reading all packets; leaves the source at its beginning.
/// A source that cannot seek gets an index with one_segment_reason and nothing read.
[[nodiscard]] PacketIndex build_index(Source& source, const std::stop_token& stop = {});

}  // namespace millrace::media
