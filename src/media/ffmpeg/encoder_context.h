#pragma once
// An opened libavcodec encoder for resolved settings.

#include <cstdint>
#include <string>

#include "media/encoder.h"
#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// FFmpeg's encoder `codec`. Throws Error(usage) where the installed FFmpeg has none, with the ones it has.
[[nodiscard]] const AVCodec& require_encoder(const std::string& codec);

/// resolve_encoder() without the trial at its end.
[[nodiscard]] EncoderSettings decide_encoder(const EncoderRequest& request, const EncoderInput& input);

/// A context with everything set, not opened; of pictures on the host, or with frames on settings.device. Throws
/// Error(usage) for options that the encoder does not take.
[[nodiscard]] CodecHandle configure_encoder(const EncoderSettings& settings);

/// Opened. Throws Error(usage) with the encoder's own words when it refuses.
[[nodiscard]] CodecHandle open_encoder(const EncoderSettings& settings);

/// Close an encoder at any point, also one that was never fed. Does not throw, and waits for what is in flight.
void close_encoder(CodecHandle context, std::int64_t frames_sent);

/// Open and close an encoder with these settings on the smallest picture that shows whether it takes them. Throws as
/// open_encoder().
void try_encoder(const EncoderSettings& settings);

/// The picture format in FFmpeg's words.
[[nodiscard]] AVPixelFormat encoder_pixel_format(const EncoderSettings& settings);

/// master-display and max-cll for x264-params and x265-params, empty where there is no HDR metadata. The units are
/// 0.00002 of chromaticity and 0.0001 cd/m2 (SMPTE ST 2086, as SEI mastering_display_colour_volume has them).
[[nodiscard]] std::string hdr_params(const HdrMetadata& hdr, const std::string& codec);

}  // namespace millrace::media::ffmpeg
