#pragma once
// media's Decoder on libavcodec.

#include <memory>

#include "media/decoder.h"
#include "media/source.h"

namespace millrace::media::ffmpeg {

/// Throws Error(bad_input) when the installed FFmpeg has no decoder for the source's video stream.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options);

}  // namespace millrace::media::ffmpeg
