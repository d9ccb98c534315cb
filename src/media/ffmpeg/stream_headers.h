#pragma once
// Describing streams by the headers of their first pictures.

#include <string>
#include <vector>

#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// Containers with a header that tells of all streams, their codecs, sizes and times. A transport stream has to be
/// searched.
[[nodiscard]] bool header_tells_all(const AVFormatContext& context);

/// `context` is fresh from avformat_open_input(`url`). H.264 and VP9 streams of such containers lack a pixel format and
/// little more, for which avformat_find_stream_info() decodes a whole picture. Here a decoder gets no memory for
/// that picture, so that it stops behind the headers, and what it says goes into the stream's parameters. Streams whose
/// container says something else, and damaged ones, stay as they were. True for each stream that is described.
[[nodiscard]] std::vector<bool> describe_by_headers(AVFormatContext& context, const std::string& url);

/// Frames a second that a stream's headers say, found in its first packet; 0/1: none.
[[nodiscard]] AVRational rate_in_headers(const AVStream& stream, const AVPacket& first);

/// avformat_find_stream_info() that decodes no pictures of `described` streams.
[[nodiscard]] int find_stream_info(AVFormatContext& context, const std::vector<bool>& described);

}  // namespace millrace::media::ffmpeg
