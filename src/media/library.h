#pragma once
// Facts about the installed FFmpeg.

#include <string>

namespace millrace::media {

/// "libavformat 59.27.100, libavcodec 59.37.100, libavfilter 8.44.100", of the libraries loaded now.
[[nodiscard]] std::string library_version();

/// FFmpeg's name of the codec that an encoder makes: "libx264" gives "h264". Empty for an unknown encoder.
[[nodiscard]] std::string codec_of(const std::string& encoder);

}  // namespace millrace::media
