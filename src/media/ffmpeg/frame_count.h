#pragma once
// Times of streams whose format keeps none: raw streams, pictures one behind the other.

#include <cstdint>
#include <optional>

#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// The rate at which libavformat makes up times for such a format; nullopt: the format has times.
[[nodiscard]] std::optional<AVRational> made_up_rate(const AVFormatContext& context);

/// True where packets of a stream without times come in another order than its pictures are shown in.
[[nodiscard]] bool reorders(const AVStream& stream);

/// Frame numbers instead of the times that libavformat makes up. Those are rounded, follow what headers say, and leave
/// out what is reordered; only where they count frames is a frame's number known from them. Elsewhere there is none
/// until decoding has put the frames in order.
class FrameCount {
  public:
    /// `stream` after avformat_find_stream_info(), `made_up` of its container.
    FrameCount(const AVStream& stream, AVRational made_up);

    /// Times of a packet of the stream, in frames.
    void set_times(AVPacket& packet) const;
    /// A frame's number in the stream's own ticks.
    [[nodiscard]] std::int64_t to_ticks(std::int64_t number) const;

  private:
    AVRational time_base_;  // seconds a tick of libavformat's
    AVRational frame_;      // seconds a frame as it makes them up
    bool known_;            // times count frames
};

}  // namespace millrace::media::ffmpeg
