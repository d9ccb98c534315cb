#pragma once
// Pictures to compressed packets.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/outcome.h"
#include "core/picture_desc.h"
#include "device/device.h"
#include "device/picture.h"
#include "media/hdr.h"
#include "media/join.h"
#include "media/packet.h"

namespace millrace::media {

/// What the user asked for. Empty and nullopt: the encoder's own default, or what the pictures are.
struct EncoderRequest {
    std::string codec = "libx264";  ///< FFmpeg's encoder name
    std::optional<double> crf;
    std::string preset;
    std::optional<std::int64_t> bit_rate;  ///< bits per second
    std::string pixel_format;              ///< FFmpeg's name; empty: the input's if the encoder takes it, else nearest
    std::vector<std::pair<std::string, std::string>> options;  ///< -e key=value, FFmpeg's private and generic options
    std::optional<int> threads;
};

/// What the pictures to encode are.
struct EncoderInput {
    core::PictureDesc picture;  ///< wanted size, layout, colour; the layout may be changed by pixel_format
    core::Rational time_base;
    core::Rational frame_rate{0, 1};  ///< average, for rate control; 0/1 unknown
    /// constant: the bitstream may state frame_rate. variable: rate control goes by each picture's time.
    FrameTiming timing = FrameTiming::constant;
    core::Rational sample_aspect_ratio{0, 1};
    HdrMetadata hdr = {};
    device::DeviceId device = {};  ///< that the job runs on; NVENC needs a GPU, all others do without
};

/// Everything decided: same settings, same input, same packets, on any machine (where `deterministic`).
struct EncoderSettings {
    EncoderRequest request;
    EncoderInput input;
    core::PictureDesc picture;  ///< what send() takes
    device::DeviceId device;    ///< whose encoder works: a GPU's for NVENC, which takes pictures of any device
    int threads = 0;            ///< explicit, never "auto"
    /// Frames of the next segment to be fed behind a forced key frame at the end of a segment, so that rate control
    /// sees what one instance would see (x264 and x265: their rc-lookahead). 0: intra-only, or no use.
    int context_frames = 0;
    bool segmentable = true;    ///< separate instances can be joined
    bool deterministic = true;  ///< false: libsvtav1 with a bit rate
    std::string note;           ///< for the report: "mjpeg has no 10 bit: 8 bit is encoded"; empty mostly
};

/// Decide. Throws Error(usage) for an unknown encoder, preset, option or pixel format (with the ones it takes), for odd
/// sizes where 4:2:0 needs even ones (offering --pad, --crop, 4:4:4), and for NVENC where the job, the machine or the
/// GPU has none.
[[nodiscard]] EncoderSettings resolve_encoder(const EncoderRequest& request, const EncoderInput& input);

/// What a muxer must know of an encoded stream; the same for all segments. Plain data: it is kept in the journal.
struct EncodedStream {
    std::string codec;  ///< FFmpeg's codec name: "h264"
    int profile = -99;
    int level = -99;
    std::int64_t bit_rate = 0;
    std::vector<std::byte> extradata;
};

enum class FrameKind { automatic, key };

/// One encoder instance; packets carry pts and duration of their pictures. Not thread-safe.
class Encoder {
  public:
    virtual ~Encoder() = default;

    /// Feed one picture of EncoderSettings::picture's description, of the host unless EncoderSettings::device is a GPU.
    /// full: nothing taken; receive first. The picture may be held without copying until its packets are out.
    virtual core::Feed send(const device::Picture& picture, FrameKind kind) = 0;
    /// No more pictures.
    virtual void finish() = 0;
    virtual core::Receive receive(Packet& packet) = 0;
    [[nodiscard]] virtual const EncodedStream& stream() const = 0;
};

[[nodiscard]] std::unique_ptr<Encoder> make_encoder(const EncoderSettings& settings);

/// The version of the library behind `codec`, as far as it can be had ("Lavc59.37.100 x264 164"), for the journal.
[[nodiscard]] std::string encoder_version(const std::string& codec);

}  // namespace millrace::media
