#pragma once
// Text subtitles from one container's form to another's.

#include <vector>

#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// Decodes subtitle packets of one text codec and encodes them as another. Times are not changed.
class TextConverter {
  public:
    /// Throws Error(failed) when FFmpeg lacks one of the two codecs.
    TextConverter(const AVStream& from, AVCodecID to);

    /// What the output stream must know.
    void describe(AVCodecParameters& parameters) const;

    /// The packet in the other form; null where nothing is left to show (an empty event).
    [[nodiscard]] PacketHandle convert(const AVPacket& packet);

  private:
    CodecHandle decoder_;
    CodecHandle encoder_;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace millrace::media::ffmpeg
