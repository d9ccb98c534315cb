#pragma once
// The encoded video stream of an output file.

#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/sink_container.h"
#include "media/sink.h"
#include "media/source.h"

namespace millrace::media::ffmpeg {

/// Make the output's first stream: parameters, colour, HDR, and what the source's stream says of the picture as a whole
/// (display matrix, projection, metadata, disposition).
AVStream& add_video_stream(AVFormatContext& output, const Container& container, const SinkVideo& video,
                           const Source* source);

/// What of the source's stream the output's cannot say.
[[nodiscard]] std::vector<CopyNote> lost_of_video(const Container& container, const AVStream& from);

/// A filter that puts parameter sets in front of each key frame; null where the container keeps them apart.
[[nodiscard]] BitstreamFilterHandle make_parameter_set_filter(const Container& container, const AVStream& stream);

}  // namespace millrace::media::ffmpeg
