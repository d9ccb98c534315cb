#pragma once
// What FFmpeg knows of a container and its streams, in our words.

#include "media/ffmpeg/handles.h"
#include "media/source.h"

namespace millrace::media::ffmpeg {

/// Describe one stream; colour resolved with the user's values on top.
[[nodiscard]] StreamInfo describe_stream(const AVStream& stream, const core::ColorDescription& color_override);

/// Side data of a stream, null when absent.
[[nodiscard]] const std::uint8_t* stream_side_data(const AVStream& stream, AVPacketSideDataType type);

[[nodiscard]] std::map<std::string, std::string> to_map(const AVDictionary* dictionary);

/// Fill what `declared` leaves out by the rule, then put the user's values on top.
[[nodiscard]] core::ResolvedColor resolve_with_override(const core::ColorDescription& declared,
                                                        const core::ColorContext& context,
                                                        const core::ColorDescription& user);

/// What the colour rule needs to know of a stream of this codec and layout.
[[nodiscard]] core::ColorContext color_context(AVCodecID codec, AVPixelFormat format, int height);

}  // namespace millrace::media::ffmpeg
