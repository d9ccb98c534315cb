#pragma once
// The frames of one range of a file, exactly: each once, in presentation order, none of its neighbours'.

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "device/picture.h"
#include "media/decoder.h"
#include "media/index.h"

namespace millrace::media {

/// Frames with begin <= pts < end, in the video stream's time base. The defaults are the whole file.
struct FrameRange {
    std::int64_t begin = std::numeric_limits<std::int64_t>::min();
    std::int64_t end = std::numeric_limits<std::int64_t>::max();

    [[nodiscard]] bool holds(std::int64_t pts) const { return pts >= begin && pts < end; }
};

/// What reading met, since construction.
struct ReadStats {
    std::int64_t packets = 0;               ///< video packets sent to the decoder
    std::int64_t frames = 0;                ///< frames returned
    std::int64_t decode_errors = 0;         ///< packets that the decoder rejected
    std::vector<std::int64_t> corrupt_pts;  ///< frames returned with the corrupt flag
    std::vector<std::int64_t> missing_pts;  ///< frames that the index promised and the decoder never gave
    std::int64_t retimed_frames = 0;        ///< frames given another pts: theirs was missing, repeated or ran backward
};

/// Opens the file itself: one reader a lane. Not thread-safe.
class FrameReader {
  public:
    virtual ~FrameReader() = default;

    /// Go to a range. With an index that is not segmentable only the whole file is allowed, once (asserted).
    virtual void start(const FrameRange& range) = 0;
    /// The next frame; false at the end of the range. Sets durations: the distance to the next pts, the last frame's
    /// own (the average frame duration where it has none). Frames whose pts is missing get one: the previous plus its
    /// duration. Throws Error(bad_input | failed).
    virtual bool next(device::Picture& picture) = 0;
    [[nodiscard]] virtual const ReadStats& stats() const = 0;
    [[nodiscard]] virtual const SourceInfo& info() const = 0;
};

/// `index` must outlive the reader. `opened`, when given, is used instead of opening the file again (a pipe).
[[nodiscard]] std::unique_ptr<FrameReader> open_frame_reader(const SourceOptions& source, const DecoderOptions& decoder,
                                                             const PacketIndex& index,
                                                             std::shared_ptr<Source> opened = nullptr);

}  // namespace millrace::media
