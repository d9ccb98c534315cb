#pragma once
// From what each packet says to an index.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rational.h"
#include "media/index.h"

namespace millrace::media {

/// What is known of one packet of the video stream without decoding it.
struct PacketFacts {
    std::int64_t pts = core::no_pts;
    std::int64_t dts = core::no_pts;
    std::int64_t duration = 0;
    std::int64_t position = -1;
    bool random_access = false;  ///< a decoder may begin here
    bool shown = true;           ///< gives a picture to show
};

/// One frame that decoding from the beginning of the file gave.
struct StartFrame {
    std::int64_t pts = core::no_pts;
    std::int64_t duration = 0;
};

/// Collects packets in decode order. Not thread-safe.
class IndexBuilder {
  public:
    void add(const PacketFacts& packet);
    /// The file is one segment; the first reason given stays.
    void set_one_segment(const std::string& reason);
    /// When the file does not begin with an access point, or that one has leading pictures, which of the frames before
    /// the first access point are shown is up to the decoder: its pts. Else nothing. Call after the last add().
    [[nodiscard]] std::optional<std::int64_t> uncertain_before();
    /// The frames that a decoder gave before that pts.
    void set_start(const std::vector<StartFrame>& frames);
    /// Sorts, checks the times, keeps the access points that hold.
    [[nodiscard]] PacketIndex finish();

  private:
    [[nodiscard]] std::vector<PacketFacts>::iterator first_access_point();
    void check_times();
    void find_access_points();
    void fill_frames();

    std::vector<PacketFacts> packets_;
    std::vector<StartFrame> start_;
    PacketIndex index_;
};

}  // namespace millrace::media
