#pragma once
// One file a frame.

#include <memory>
#include <vector>

#include "media/sink.h"

namespace millrace::media::ffmpeg {

/// Writes each packet to a file of its own, numbered from 1 in presentation order of writing. The path's file name
/// holds one %d or %0Nd. Throws Error(usage) when it does not.
[[nodiscard]] std::unique_ptr<Sink> open_image_sink(const SinkOptions& options);

/// Streams of the source that such files cannot hold.
[[nodiscard]] std::vector<CopyNote> lost_of_images(const Source& source, const CopyOptions& copy);

}  // namespace millrace::media::ffmpeg
