#pragma once
// What Millrace knows of each encoder that it was tried with.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/encoder.h"

namespace millrace::media::ffmpeg {

/// How an encoder's parameters that FFmpeg has no option for are passed ("x264-params"), and what they are called.
struct EncoderTraits {
    std::string_view name;         ///< FFmpeg's encoder name
    std::string_view params = {};  ///< option that takes key=value:key=value, empty where there is none
    bool even_size = false;        ///< subsampled pictures must have even sizes
    bool intra_only = false;       ///< every frame is a key frame
    bool frame_threads = false;    ///< libavcodec's frame threads: no effect on bits
    bool closed_join = true;       ///< separate instances can be joined
    double highest_crf = 0;        ///< where FFmpeg's option has no bound of its own; 0: it has, or there is no crf
    /// NVENC, whose quality where nothing is asked for this is, on the scale of -crf; 0: an encoder on the CPU.
    int nvenc_quality = 0;
    /// Presets with their rc-lookahead, the default first. Empty: the encoder has no named presets.
    std::span<const std::pair<std::string_view, int>> presets = {};
};

/// nullptr: FFmpeg may have it, but it was not tried.
[[nodiscard]] const EncoderTraits* find_traits(std::string_view codec);

/// The same of NVENC's encoders; nullptr for all others.
[[nodiscard]] const EncoderTraits* find_nvenc(std::string_view codec);

/// `text` as a whole is a number.
[[nodiscard]] std::optional<double> to_number(std::string_view text);

/// Names of all encoders in the table, for messages.
[[nodiscard]] std::vector<std::string> known_encoders();

/// Encoder threads: a rule on picture size, never on the machine, since bits depend on it.
[[nodiscard]] int threads_for(const core::PictureDesc& picture);

/// Value of the user's option `key` (given with -e, or inside the encoder's params), nullopt when not given. x264 and
/// x265 take '_' for '-'.
[[nodiscard]] std::optional<std::string> find_option(const EncoderRequest& request, const EncoderTraits& traits,
                                                     std::string_view key);

/// How far rate control looks ahead with these settings: EncoderSettings::context_frames.
[[nodiscard]] int lookahead_frames(const EncoderRequest& request, const EncoderTraits& traits);

}  // namespace millrace::media::ffmpeg
