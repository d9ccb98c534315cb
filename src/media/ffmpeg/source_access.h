#pragma once
// FFmpeg's view of an opened source, for the room's own FFmpeg code (decoder, sink).

#include "media/ffmpeg/handles.h"
#include "media/source.h"

namespace millrace::media::ffmpeg {

/// The demuxer behind a source that open_source() made: streams, chapters, metadata, side data. Borrowed: lives as long
/// as the source, until seek(nullptr) after packets were read; do not read packets from it. Null for a source of
/// another making.
[[nodiscard]] const AVFormatContext* format_context(const Source& source);

/// What open_source() was given; null for a source of another making.
[[nodiscard]] const SourceOptions* source_options(const Source& source);

/// True when read() gave end because nothing behind could be made sense of.
[[nodiscard]] bool ends_in_damage(const Source& source);

}  // namespace millrace::media::ffmpeg
