#pragma once
// What each output container is and holds.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/sink.h"

namespace millrace::media::ffmpeg {

/// The form in which a container takes text subtitles.
enum class TextForm { any, mov_text, webvtt, none };
/// How a container takes cover pictures.
enum class CoverForm { stream, attachment, none };
/// Where a container's times may begin. below_zero: anywhere, by edit lists. zero: not below. clock: a decoder clock
/// that runs ahead of the first packet. none: the container has no times.
enum class TimeOrigin { below_zero, zero, clock, none };

struct Container {
    std::string_view muxer;  ///< FFmpeg's name
    std::span<const std::string_view> extensions = {};
    std::span<const std::string_view> video = {};  ///< FFmpeg's codec names; empty: whatever FFmpeg's muxer takes
    TextForm text = TextForm::none;
    CoverForm cover = CoverForm::none;
    TimeOrigin origin = TimeOrigin::none;
    bool audio = true;
    bool chapters = false;
    bool attachments = false;
    bool metadata = true;
    bool parameter_sets_in_band = false;  ///< H.264 and HEVC parameter sets go in front of every key frame
};

/// By SinkOptions::format, else by the extension of the name, else Matroska for "-". Throws Error(usage) with the known
/// extensions.
[[nodiscard]] const Container& find_container(const SinkOptions& options);

/// Files with numbers in their names.
[[nodiscard]] bool is_image_pattern(const Container& container);

[[nodiscard]] bool holds_video(const Container& container, const std::string& codec, const SinkOptions& options);

/// Whether a stream of the source can be copied as it is.
[[nodiscard]] bool holds_copy(const Container& container, const AVCodecParameters& stream);

/// Extensions of containers that hold `codec`.
[[nodiscard]] std::vector<std::string> extensions_for(const std::string& codec);

}  // namespace millrace::media::ffmpeg
