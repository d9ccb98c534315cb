#pragma once
// What an output keeps of its source besides packets.

#include <string>
#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/sink_container.h"
#include "media/sink.h"

namespace millrace::media::ffmpeg {

/// Copy `from` into `to` except what belongs to one file only (brands, statistics, the writing program).
void copy_metadata(AVDictionary*& to, const AVDictionary* from);

/// Chapters that touch [begin, end), cut and shifted as `options` says.
void copy_chapters(AVFormatContext& output, const AVFormatContext& source, const CopyOptions& options);

/// Give a stream side data, by whatever way this FFmpeg has.
void set_side_data(AVStream& stream, AVPacketSideDataType type, const void* data, std::size_t bytes);

/// The stream's name in notes: "stream 3 (subtitle, subrip)".
[[nodiscard]] std::string describe(const AVStream& stream);

/// Metadata keys that the container has no place for; empty where it keeps any.
[[nodiscard]] std::vector<std::string> unkept_keys(const Container& container, const AVDictionary* metadata);

}  // namespace millrace::media::ffmpeg
