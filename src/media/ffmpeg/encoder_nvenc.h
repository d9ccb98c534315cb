#pragma once
// What is NVENC's own: layouts, quality, and what it means when it refuses. Private to src/media/ffmpeg.

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "media/encoder.h"
#include "media/ffmpeg/encoder_format.h"
#include "media/ffmpeg/encoder_traits.h"

namespace millrace::media::ffmpeg {

/// What `codec` ("hevc_nvenc") is fed with: 8 bit as it is, 10 bit in the high bits. Chips that have H.264 at 10 bits,
/// or AV1 at 4:4:4, are left out.
[[nodiscard]] std::vector<EncoderFormat> nvenc_formats(std::string_view codec);

/// Throws Error(usage) where the job has no GPU to encode on.
void check_nvenc_device(const std::string& codec, device::DeviceId device);

/// What an encoder on the CPU is called that makes the same codec.
[[nodiscard]] std::string cpu_encoder(std::string_view codec);

/// The error for an NVENC that libavcodec did not open, by what it said. `gpu`: "cuda:0 (NVIDIA H100)". usage: another
/// encoder is to be named; failed: it may do another time.
[[nodiscard]] core::Error nvenc_refusal(const EncoderSettings& settings, const std::string& gpu,
                                        const std::string& words);

}  // namespace millrace::media::ffmpeg
