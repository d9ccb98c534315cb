#include "media/ffmpeg/sink_container.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/error.h"

namespace millrace::media::ffmpeg {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 2> mp4_extensions{"mp4", "m4v"};
constexpr std::array<std::string_view, 1> mov_extensions{"mov"};
constexpr std::array<std::string_view, 1> mkv_extensions{"mkv"};
constexpr std::array<std::string_view, 1> webm_extensions{"webm"};
constexpr std::array<std::string_view, 3> ts_extensions{"ts", "mts", "m2ts"};
constexpr std::array<std::string_view, 1> avi_extensions{"avi"};
constexpr std::array<std::string_view, 2> h264_extensions{"h264", "264"};
constexpr std::array<std::string_view, 3> hevc_extensions{"hevc", "265", "h265"};
constexpr std::array<std::string_view, 3> image_extensions{"png", "jpg", "jpeg"};

constexpr std::array<std::string_view, 8> mp4_video{"h264",  "hevc",       "av1",        "vp9",
                                                    "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"};
constexpr std::array<std::string_view, 7> mov_video{"h264", "hevc", "prores", "mjpeg", "png", "mpeg4", "mpeg2video"};
constexpr std::array<std::string_view, 3> webm_video{"vp9", "av1", "vp8"};
constexpr std::array<std::string_view, 5> ts_video{"h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4"};
constexpr std::array<std::string_view, 8> avi_video{"h264",  "mjpeg",   "ffv1",    "png",
                                                    "mpeg4", "huffyuv", "utvideo", "mpeg2video"};
constexpr std::array<std::string_view, 1> h264_video{"h264"};
constexpr std::array<std::string_view, 1> hevc_video{"hevc"};
constexpr std::array<std::string_view, 2> image_video{"png", "mjpeg"};

constexpr std::array<Container, 9> table{{
    {.muxer = "mp4",
     .extensions = mp4_extensions,
     .video = mp4_video,
     .text = TextForm::mov_text,
     .cover = CoverForm::stream,
     .origin = TimeOrigin::below_zero,
     .chapters = true},
    {.muxer = "mov",
     .extensions = mov_extensions,
     .video = mov_video,
     .text = TextForm::mov_text,
     .cover = CoverForm::none,
     .origin = TimeOrigin::below_zero,
     .chapters = true},
    {.muxer = "matroska",
     .extensions = mkv_extensions,
     .text = TextForm::any,
     .cover = CoverForm::attachment,
     .origin = TimeOrigin::zero,
     .chapters = true,
     .attachments = true},
    {.muxer = "webm",
     .extensions = webm_extensions,
     .video = webm_video,
     .text = TextForm::webvtt,
     .origin = TimeOrigin::zero,
     .chapters = true},
    {.muxer = "mpegts",
     .extensions = ts_extensions,
     .video = ts_video,
     .origin = TimeOrigin::clock,
     .parameter_sets_in_band = true},
    {.muxer = "avi", .extensions = avi_extensions, .video = avi_video, .parameter_sets_in_band = true},
    {.muxer = "h264",
     .extensions = h264_extensions,
     .video = h264_video,
     .audio = false,
     .metadata = false,
     .parameter_sets_in_band = true},
    {.muxer = "hevc",
     .extensions = hevc_extensions,
     .video = hevc_video,
     .audio = false,
     .metadata = false,
     .parameter_sets_in_band = true},
    {.muxer = "image2", .extensions = image_extensions, .video = image_video, .audio = false, .metadata = false},
}};

constexpr std::array<std::string_view, 10> ts_copies{"aac",  "aac_latm", "mp2",    "mp3",          "ac3",
                                                     "eac3", "dts",      "truehd", "dvb_subtitle", "dvb_teletext"};

constexpr std::array<std::string_view, 10> avi_audio{"mp3", "mp2",       "ac3",       "eac3",      "dts",
                                                     "aac", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8"};

bool contains(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

std::string extension_of(const std::string& name) {
    std::string extension = std::filesystem::path(name).extension().string();
    if (!extension.empty()) extension.erase(0, 1);
    std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return extension;
}

std::vector<std::string_view> all_extensions() {
    std::vector<std::string_view> out;
    for (const Container& container : table) {
        out.insert(out.end(), container.extensions.begin(), container.extensions.end());
    }
    return out;
}

const Container* by_muxer(std::string_view muxer) {
    const auto* found = std::ranges::find(table, muxer, &Container::muxer);
    return found == table.end() ? nullptr : found;
}

const std::string& name_of(const SinkOptions& options) { return options.name.empty() ? options.path : options.name; }

}  // namespace

const Container& find_container(const SinkOptions& options) {
    if (!options.format.empty()) {
        if (const Container* found = by_muxer(options.format)) return *found;
        std::vector<std::string_view> muxers;
        for (const Container& container : table) muxers.push_back(container.muxer);
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("output format {}: not one of {}", options.format, fmt::join(muxers, ", ")));
    }
    const std::string& name = name_of(options);
    if (name == "-") return *by_muxer("matroska");
    const std::string extension = extension_of(name);
    for (const Container& container : table) {
        if (contains(container.extensions, extension)) return container;
    }
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{}: {}; it must be one of {}", name,
                                  extension.empty() ? "the name has no extension to tell the format by"
                                                    : fmt::format("unknown extension .{}", extension),
                                  fmt::join(all_extensions(), ", ")));
}

bool is_image_pattern(const Container& container) { return container.muxer == "image2"; }

bool holds_video(const Container& container, const std::string& codec, const SinkOptions& options) {
    if (is_image_pattern(container)) return codec == (extension_of(name_of(options)) == "png" ? "png" : "mjpeg");
    if (!container.video.empty()) return contains(container.video, codec);
    const AVCodecDescriptor* descriptor = avcodec_descriptor_get_by_name(codec.c_str());
    const AVOutputFormat* muxer = av_guess_format(std::string(container.muxer).c_str(), nullptr, nullptr);
    return descriptor != nullptr && muxer != nullptr &&
           avformat_query_codec(muxer, descriptor->id, FF_COMPLIANCE_NORMAL) == 1;
}

bool holds_copy(const Container& container, const AVCodecParameters& stream) {
    const std::string codec = avcodec_get_name(stream.codec_id);
    if (container.muxer == "mpegts") return contains(ts_copies, codec) || contains(ts_video, codec);
    if (container.muxer == "avi" && stream.codec_type != AVMEDIA_TYPE_VIDEO) return contains(avi_audio, codec);
    if (!container.audio || stream.codec_type == AVMEDIA_TYPE_DATA) return false;
    if (stream.codec_type == AVMEDIA_TYPE_VIDEO && !container.video.empty()) return contains(container.video, codec);
    // FFmpeg lists them for MOV, and then writes them to MP4 only.
    const bool mp4_only = codec == "opus" || codec == "flac" || codec == "truehd";
    if (container.muxer == "mov" && mp4_only) return false;
    const AVOutputFormat* muxer = av_guess_format(std::string(container.muxer).c_str(), nullptr, nullptr);
    return muxer != nullptr && avformat_query_codec(muxer, stream.codec_id, FF_COMPLIANCE_NORMAL) == 1;
}

std::vector<std::string> extensions_for(const std::string& codec) {
    std::vector<std::string> out;
    for (const Container& container : table) {
        if (is_image_pattern(container)) {
            if (codec == "png" || codec == "mjpeg") out.emplace_back(codec == "png" ? "%06d.png" : "%06d.jpg");
        } else if (holds_video(container, codec, {})) {
            out.emplace_back(container.extensions.front());
        }
    }
    return out;
}

}  // namespace millrace::media::ffmpeg

namespace millrace::media {

ContainerCheck check_container(const SinkOptions& options, const std::string& codec) {
    const ffmpeg::Container& container = ffmpeg::find_container(options);
    return {.format = std::string(container.muxer),
            .holds_codec = ffmpeg::holds_video(container, codec, options),
            .alternatives = ffmpeg::extensions_for(codec)};
}

}  // namespace millrace::media
