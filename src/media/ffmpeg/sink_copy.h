#pragma once
// Streams that go from source to sink as they are.

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/sink_container.h"
#include "media/ffmpeg/sink_text.h"
#include "media/sink.h"
#include "media/source.h"

namespace millrace::media::ffmpeg {

/// One stream of the source that has a stream in the output.
struct CopiedStream {
    int source = 0;              ///< index in the source
    int output = 0;              ///< index in the output
    AVRational time_base{0, 1};  ///< of the source's packets
    AVMediaType type = AVMEDIA_TYPE_UNKNOWN;
    bool key_seen = false;         ///< a video stream that was cut begins at a key frame
    std::int64_t lead = 0;         ///< audio that decoders throw away, in time_base, where the container keeps it apart
    std::int64_t lead_to_add = 0;  ///< the part of it that the muxer leaves to us
    std::int64_t next_sample = AV_NOPTS_VALUE;  ///< for even audio times out of a coarse time base
    std::unique_ptr<TextConverter> text;        ///< null: packets are copied as they are
};

/// Make output streams for what of `source` is copied, with metadata and dispositions, and say what becomes of the
/// rest. `video` is the stream that the job replaces.
struct CopyPlan {
    std::vector<CopiedStream> streams;
    std::vector<CopyNote> notes;
};
[[nodiscard]] CopyPlan plan_copies(AVFormatContext& output, const Container& container, const Source& source,
                                   const CopyOptions& options);

/// The packets of the copied streams in file order, cut and shifted as CopyOptions says; times in the source stream's
/// time base, stream_index of the output.
class CopyFeed {
  public:
    /// Opens the source's file again unless options.next_packet is set.
    CopyFeed(std::vector<CopiedStream> streams, const Source& source, CopyOptions options);

    /// The next packet, kept until pop(); null at the end.
    [[nodiscard]] const AVPacket* peek();
    [[nodiscard]] PacketHandle pop();

    /// The stream that a packet of peek() or pop() belongs to.
    [[nodiscard]] CopiedStream& stream_of(const AVPacket& packet);

    /// Read ahead until each audio stream showed its first packet: the earliest time of any, in microseconds rounded
    /// down, less what the container keeps apart. 0 where none lies below zero.
    [[nodiscard]] std::int64_t earliest_us();

  private:
    [[nodiscard]] bool read(Packet& packet);
    [[nodiscard]] bool fill();
    [[nodiscard]] bool trim(AVPacket& packet, CopiedStream& stream) const;

    std::vector<CopiedStream> streams_;
    CopyOptions options_;
    std::unique_ptr<Source> own_;
    std::deque<PacketHandle> ready_;
    bool ended_ = false;
};

}  // namespace millrace::media::ffmpeg
