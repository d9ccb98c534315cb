#pragma once
// FFmpeg's words in ours, and back.

#include <optional>
#include <string>

#include "core/color.h"
#include "core/picture_desc.h"
#include "core/rational.h"
#include "device/picture.h"
#include "media/ffmpeg/handles.h"
#include "media/hdr.h"
#include "media/packet.h"

namespace millrace::media::ffmpeg {

/// "Invalid data found when processing input", for FFmpeg's negative error codes.
[[nodiscard]] std::string error_text(int code);

/// Send FFmpeg's own log lines to core::log at level debug. Idempotent, thread-safe.
void route_log();

[[nodiscard]] core::Rational to_rational(AVRational value);
/// Reduced to 31-bit terms, exactly where they fit. A denominator of 0 becomes 0/1.
[[nodiscard]] AVRational to_av(core::Rational value);

/// Our layout for FFmpeg's, where there is one that needs no change of bytes (yuvj formats: their range is in
/// is_full_range_format()).
[[nodiscard]] std::optional<core::PixelFormat> to_pixel_format(AVPixelFormat format);
/// AV_PIX_FMT_NONE where the installed FFmpeg lacks it (p012le before FFmpeg 6).
[[nodiscard]] AVPixelFormat to_av(const core::PixelFormat& format);
/// yuvj420p and the like: full range by their name.
[[nodiscard]] bool is_full_range_format(AVPixelFormat format);

/// Colour as FFmpeg keeps it. All but siting are the H.273 code points in both.
struct AvColor {
    AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
    AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
    AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
    AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
    AVChromaLocation siting = AVCHROMA_LOC_UNSPECIFIED;
};
/// Reserved code points become unspecified.
[[nodiscard]] core::ColorDescription to_color(const AvColor& color);
[[nodiscard]] AvColor to_av(const core::ColorDescription& color);

/// HDR side data; either pointer may be null.
[[nodiscard]] HdrMetadata to_hdr(const AVMasteringDisplayMetadata* mastering, const AVContentLightMetadata* light);
[[nodiscard]] AVMasteringDisplayMetadata to_av(const MasteringDisplay& mastering);
[[nodiscard]] AVContentLightMetadata to_av(const ContentLight& light);

/// Our packet on FFmpeg's, without copying.
[[nodiscard]] Packet to_packet(PacketHandle packet);
/// The AVPacket that `packet` was made from by to_packet(), or null where it came from elsewhere.
[[nodiscard]] const AVPacket* find_av_packet(const Packet& packet);
/// A second reference on `packet`, with the times, flags and stream index of our struct; side data as find_av_packet()
/// has it. Bytes that did not come from FFmpeg are copied, with the padding decoders need.
[[nodiscard]] PacketHandle to_av(const Packet& packet);

/// Our picture on the frame's memory, without copying; `desc` must be the frame's own layout. pts and duration are not
/// set. nullopt: the rows run upward (negative line sizes) and must be copied first.
[[nodiscard]] std::optional<device::Picture> to_picture(FrameHandle frame, const core::PictureDesc& desc);
/// A frame on the picture's memory, without copying: layout, size, colour, pts, key and field flags set. The picture's
/// lease is held until the frame's last reference is gone, on whatever thread that is. Host pictures only.
[[nodiscard]] FrameHandle to_av(const device::Picture& picture);

/// Ticks that a packet lasts, and a frame: their fields changed names between FFmpeg 5 and 8.
[[nodiscard]] std::int64_t frame_duration(const AVFrame& frame);
void set_frame_duration(AVFrame& frame, std::int64_t duration);

}  // namespace millrace::media::ffmpeg
