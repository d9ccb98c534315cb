#pragma once
// An output file: one encoded video stream, and streams copied from the source.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/picture_desc.h"
#include "media/encoder.h"
#include "media/packet.h"
#include "media/source.h"

namespace millrace::media {

/// fragmented: an MP4 or MOV whose index is written piece by piece, so that it can be read while it grows.
enum class Fragmented { no, yes };

struct SinkOptions {
    std::string path;         ///< where to write; "-" is standard output
    std::string format = {};  ///< FFmpeg's muxer name; empty: by the extension of `name`
    std::string name = {};    ///< the name whose extension decides (path may be a temporary name); empty: path
    Fragmented fragmented = Fragmented::no;
    /// About how large the file will be, for the message when the disk is full; 0 unknown.
    std::int64_t expected_bytes = 0;
};

struct CopyOptions {
    bool audio = true;
    bool subtitles = true;
    bool data = true;  ///< data streams and attachments
    /// Copied packets keep their time minus `shift`, in microseconds, and are cut to [begin, end) of the source's time.
    std::int64_t shift_us = 0;
    std::int64_t begin_us = INT64_MIN;
    std::int64_t end_us = INT64_MAX;
    /// The packets to copy, in file order, false at their end: for a source that cannot be opened again (a pipe), whose
    /// other packets the caller kept. Packets of streams that are not copied may be among them. Empty: the sink opens
    /// the source's file again and reads it beside the writing.
    std::function<bool(Packet&)> next_packet = {};
};

/// What became of one source stream, or of something the container cannot hold. One line in the report; `loss` counts
/// as a fallback for --strict.
struct CopyNote {
    int stream = -1;
    bool loss = false;
    /// "stream 3 (subtitle, subrip): converted to mov_text", "attachment font.ttf: mp4 holds none"
    std::string text = {};
};

struct SinkVideo {
    core::PictureDesc picture;
    core::Rational time_base;
    core::Rational frame_rate{0, 1};  ///< 0/1 where it varies: Matroska then states no default duration
    core::Rational sample_aspect_ratio{0, 1};
    EncodedStream stream;
    int reorder = 0;  ///< frames of reordering delay, as largest_reorder() found
    HdrMetadata hdr = {};
    /// Times of the first packet, in time_base. Containers that cannot begin below zero shift all streams by them.
    std::int64_t first_pts = 0;
    std::int64_t first_dts = 0;
};

/// Writes one file. Not thread-safe.
class Sink {
  public:
    virtual ~Sink() = default;

    /// Add the video stream, then copies of the other streams of `source` (nullptr: none), its chapters, metadata,
    /// dispositions and display matrix, and write the header. Throws Error(usage) when the container cannot hold the
    /// codec (naming one that can), Error(failed | no_space) on I/O.
    virtual std::vector<CopyNote> begin(const SinkVideo& video, const Source* source, const CopyOptions& copy) = 0;
    /// A video packet: pts, dts, duration in SinkVideo::time_base, key. In decode order. Copied streams are read from
    /// the source and interleaved as needed.
    virtual void write(const Packet& packet) = 0;
    /// What was written so far goes on its way to the disk, so that finish() has less to wait for. Does not wait itself
    /// but for the disk's queue. No byte of the file depends on it.
    virtual void start_writeback() = 0;
    /// Rest of the copied streams, trailer, flush, fsync.
    virtual void finish() = 0;
};

/// Throws Error(usage) for an unknown extension; Error(failed | no_space) when the file cannot be made.
[[nodiscard]] std::unique_ptr<Sink> open_sink(const SinkOptions& options);

/// The losses that begin() will note whatever the encoder makes: they follow from what opening `source` found and from
/// the container. Throws Error(usage) for an unknown extension.
[[nodiscard]] std::vector<CopyNote> foresee_losses(const SinkOptions& options, const Source& source,
                                                   const CopyOptions& copy);

/// The muxer `name` would get and whether it can hold `codec`; empty when it cannot. For checks before work starts.
struct ContainerCheck {
    std::string format;
    bool holds_codec = false;
    std::vector<std::string> alternatives;  ///< extensions that can hold it
};
[[nodiscard]] ContainerCheck check_container(const SinkOptions& options, const std::string& codec);

}  // namespace millrace::media
