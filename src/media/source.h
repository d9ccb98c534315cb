#pragma once
// An opened input: its streams, and its packets in file order.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/color.h"
#include "core/picture_desc.h"
#include "core/rational.h"
#include "media/hdr.h"
#include "media/packet.h"

namespace millrace::media {

enum class MediaKind { video, audio, subtitle, data, attachment };

/// Where the rate of a stream's frames is from. Only `container` has times of its own: those of the others follow from
/// the rate. headers: the stream's own; assumed: nobody says it; user: SourceOptions::frame_rate.
enum class RateFrom { container, headers, assumed, user };

/// What a container and codec parameters say of one stream. Times in `time_base`.
struct StreamInfo {
    int index = 0;
    MediaKind kind = MediaKind::data;
    std::string codec;    ///< FFmpeg's codec name: "h264"
    std::string profile;  ///< "High", empty unknown
    core::Rational time_base;
    std::int64_t start_pts = core::no_pts;
    std::int64_t duration = core::no_pts;
    std::int64_t frame_count = 0;  ///< as the container claims; 0 unknown
    std::int64_t bit_rate = 0;     ///< bits per second; 0 unknown
    std::map<std::string, std::string> metadata;
    std::vector<std::string> dispositions;  ///< FFmpeg's names: "default", "forced", "attached_pic"

    // video
    std::string pixel_format;   ///< as coded, FFmpeg's name
    core::PictureDesc picture;  ///< as delivered by decoder and reader: supported layout, resolved colour
    core::ResolvedColor color;
    std::string repack_note;  ///< empty, or what delivering in a supported layout changes ("rgba: alpha is dropped")
    core::Rational average_frame_rate{0, 1};
    RateFrom rate_from = RateFrom::container;
    core::Rational headers_rate{0, 1};         ///< of a stream whose format keeps no times; 0/1: they say none
    core::Rational sample_aspect_ratio{0, 1};  ///< 0/1 unknown
    double rotation = 0;                       ///< degrees clockwise, from the display matrix
    bool interlaced = false;
    bool attached_picture = false;
    HdrMetadata hdr;

    // audio
    int sample_rate = 0;
    int channels = 0;
};

struct SourceInfo {
    std::string path;
    std::string format;            ///< FFmpeg's demuxer name: "mov,mp4,m4a,3gp,3g2,mj2"
    std::int64_t size_bytes = -1;  ///< -1 unknown (a pipe)
    double duration_seconds = 0;   ///< 0 unknown
    bool seekable = false;
    int chapter_count = 0;
    std::map<std::string, std::string> metadata;
    std::vector<StreamInfo> streams;
    int video = -1;  ///< index of the stream that the job works on

    [[nodiscard]] const StreamInfo& video_stream() const { return streams.at(static_cast<std::size_t>(video)); }
};

/// A key frame at which a decoder can begin, as the index found it.
struct AccessPoint {
    std::int64_t position = -1;  ///< byte position of the packet
    std::int64_t pts = core::no_pts;
    std::int64_t dts = core::no_pts;
    std::int64_t ordinal = 0;  ///< of the packet among the video stream's packets, decode order, from 0
};

/// What opening a file found out; opaque. Made by opening it (PacketIndex::file), immutable.
class KnownFile;

struct SourceOptions {
    std::string path;       ///< a file, or "-" for standard input
    int video_ordinal = 0;  ///< which video stream (attached pictures not counted), -map v:N
    /// Colour values that the user set; they beat what the stream says. unspecified / 2: not set.
    core::ColorDescription color_override{};
    /// Frames a second of a stream whose format keeps no times; beats what its headers say. 0/1: not said.
    core::Rational frame_rate{0, 1};
    /// Of an earlier opening with the same options: takes the place of looking at the streams again where the file's
    /// header allows that and has not changed. Null: look.
    std::shared_ptr<const KnownFile> known{};
};

enum class ReadResult { packet, end };

/// Reads packets of one input. Not thread-safe; each lane opens its own.
class Source {
  public:
    virtual ~Source() = default;

    [[nodiscard]] virtual const SourceInfo& info() const = 0;

    /// The next packet of any stream, in file order. Throws Error(bad_input | failed).
    virtual ReadResult read(Packet& packet) = 0;

    /// Position so that read() soon returns exactly the video packet `point` names, by byte position where the
    /// container allows. Packets before it may be returned first: the caller throws them away. nullptr: the beginning.
    /// Throws Error(bad_input) where the source cannot seek.
    virtual void seek(const AccessPoint* point) = 0;

    /// From now on read() gives packets of the job's video stream only; the others cost as little as the container
    /// allows.
    virtual void video_only() = 0;

    /// From now on read() gives packets of the video stream only, and `other` gets those of all other streams, on the
    /// reading thread: for a source that is read once. Beats video_only().
    virtual void divert(std::function<void(Packet)> other) = 0;
};

/// Open with FFmpeg. Throws Error(bad_input): no such file, a directory, empty, not a media file, no video stream
/// (`video_ordinal` out of range), each with what was found and what to do. Throws Error(usage): a frame rate for an
/// input that has times.
[[nodiscard]] std::unique_ptr<Source> open_source(const SourceOptions& options);

}  // namespace millrace::media
