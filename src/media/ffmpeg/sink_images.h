#pragma once
// One file a frame.

#include <memory>

#include "media/sink.h"

namespace millrace::media::ffmpeg {

/// Writes each packet to a file of its own, numbered from 1 in presentation order of writing. The path's file name
/// holds one %d or %0Nd. Throws Error(usage) when it does not.
[[nodiscard]] std::unique_ptr<Sink> open_image_sink(const SinkOptions& options);

}  // namespace millrace::media::ffmpeg
