#pragma once
// Opening libavcodec's decoders.

#include <string>

#include "media/ffmpeg/handles.h"
#include "media/hdr.h"

namespace millrace::media::ffmpeg {

/// An opened decoder for `stream`, with exactly `threads` threads (frames or slices, as the codec has it). Throws
/// Error(bad_input) when the installed FFmpeg has none or it does not take the stream; `path` is for the message.
[[nodiscard]] CodecHandle open_video_decoder(const std::string& path, const AVStream& stream, int threads);

/// Flags of frames, which moved between FFmpeg 5 and 8.
[[nodiscard]] bool is_key(const AVFrame& frame);
[[nodiscard]] bool is_interlaced(const AVFrame& frame);
[[nodiscard]] HdrMetadata frame_hdr(const AVFrame& frame);

}  // namespace millrace::media::ffmpeg
