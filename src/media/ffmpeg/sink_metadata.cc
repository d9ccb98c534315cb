#include "media/ffmpeg/sink_metadata.h"

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/mem.h>
}

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <new>
#include <string_view>

namespace millrace::media::ffmpeg {

namespace {

constexpr AVRational microseconds{1, AV_TIME_BASE};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

/// Keys that say how the source file was written, not what it shows.
bool is_of_the_file(const std::string& key) {
    constexpr std::array<std::string_view, 11> keys{
        "major_brand",      "minor_version", "compatible_brands", "encoder",           "duration",   "bps",
        "number_of_frames", "vendor_id",     "number_of_bytes",   "encoding_settings", "filename_in"};
    return std::ranges::find(keys, key) != keys.end() || key.starts_with("_statistics") || key.starts_with("bps-") ||
           key.starts_with("duration-") || key.starts_with("number_of_");
}

std::int64_t in_microseconds(std::int64_t time, AVRational base) { return av_rescale_q(time, base, microseconds); }

}  // namespace

void copy_metadata(AVDictionary*& to, const AVDictionary* from) {
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(from, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
        if (!is_of_the_file(lower(entry->key))) av_dict_set(&to, entry->key, entry->value, AV_DICT_DONT_OVERWRITE);
    }
}

void copy_chapters(AVFormatContext& output, const AVFormatContext& source, const CopyOptions& options) {
    output.chapters = static_cast<AVChapter**>(av_calloc(std::max(1U, source.nb_chapters), sizeof(AVChapter*)));
    if (output.chapters == nullptr) throw std::bad_alloc();
    for (unsigned i = 0; i < source.nb_chapters; ++i) {
        const AVChapter& from = *source.chapters[i];
        const std::int64_t begin = std::max(in_microseconds(from.start, from.time_base), options.begin_us);
        const std::int64_t end = std::min(in_microseconds(from.end, from.time_base), options.end_us);
        if (begin >= end) continue;
        auto* chapter = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
        if (chapter == nullptr) throw std::bad_alloc();
        chapter->id = from.id;
        chapter->time_base = from.time_base;
        // In the source's own ticks where nothing is cut, so that nothing is rounded.
        const std::int64_t shift = av_rescale_q(options.shift_us, microseconds, from.time_base);
        chapter->start =
            (begin == options.begin_us ? av_rescale_q(begin, microseconds, from.time_base) : from.start) - shift;
        chapter->end = (end == options.end_us ? av_rescale_q(end, microseconds, from.time_base) : from.end) - shift;
        chapter->start = std::max<std::int64_t>(chapter->start, 0);
        av_dict_copy(&chapter->metadata, from.metadata, 0);
        output.chapters[output.nb_chapters++] = chapter;
    }
}

void set_side_data(AVStream& stream, AVPacketSideDataType type, const void* data, std::size_t bytes) {
    auto* copy = static_cast<std::uint8_t*>(av_memdup(data, bytes));
    if (copy == nullptr) throw std::bad_alloc();
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    AVCodecParameters& parameters = *stream.codecpar;
    if (av_packet_side_data_add(&parameters.coded_side_data, &parameters.nb_coded_side_data, type, copy, bytes, 0) ==
        nullptr) {
        av_free(copy);
        throw std::bad_alloc();
    }
#else
    if (av_stream_add_side_data(&stream, type, copy, bytes) < 0) {
        av_free(copy);
        throw std::bad_alloc();
    }
#endif
}

std::string describe(const AVStream& stream) {
    const char* type = av_get_media_type_string(stream.codecpar->codec_type);
    const std::string codec =
        stream.codecpar->codec_id == AV_CODEC_ID_NONE ? "unknown codec" : avcodec_get_name(stream.codecpar->codec_id);
    return fmt::format("stream {} ({}, {})", stream.index, type == nullptr ? "unknown" : type, codec);
}

std::vector<std::string> unkept_keys(const Container& container, const AVDictionary* metadata) {
    constexpr std::array<std::string_view, 24> mp4_keys{
        "title",         "artist",     "album_artist", "composer",    "album",    "date",
        "comment",       "genre",      "copyright",    "grouping",    "lyrics",   "description",
        "synopsis",      "show",       "episode_id",   "network",     "keywords", "episode_sort",
        "season_number", "media_type", "hd_video",     "compilation", "track",    "creation_time"};
    constexpr std::array<std::string_view, 8> avi_keys{"title", "artist", "comment", "copyright",
                                                       "date",  "genre",  "album",   "track"};
    constexpr std::array<std::string_view, 3> ts_keys{"service_name", "service_provider", "creation_time"};
    std::vector<std::string> out;
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(metadata, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
        const std::string key = lower(entry->key);
        const bool any = container.muxer == "matroska" || container.muxer == "webm";
        const bool mp4 = container.muxer == "mp4" || container.muxer == "mov";
        const bool kept = any || is_of_the_file(key) || (mp4 && std::ranges::find(mp4_keys, key) != mp4_keys.end()) ||
                          (container.muxer == "avi" && std::ranges::find(avi_keys, key) != avi_keys.end()) ||
                          (container.muxer == "mpegts" && std::ranges::find(ts_keys, key) != ts_keys.end());
        if (!kept) out.emplace_back(entry->key);
    }
    return out;
}

}  // namespace millrace::media::ffmpeg
