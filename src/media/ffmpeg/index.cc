// build_index() by libavformat.

#include "media/index.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

#include "core/error.h"
#include "media/access_unit.h"
#include "media/decoder.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/frame_count.h"
#include "media/ffmpeg/log_capture.h"
#include "media/ffmpeg/source_access.h"
#include "media/index_builder.h"

namespace millrace::media {

namespace {

using namespace ffmpeg;  // NOLINT(google-build-using-namespace): this file is its front

// Formats that keep no presentation times of their own.
std::string format_reason(const Source& source) {
    const AVFormatContext& context = *format_context(source);
    const std::string_view format = context.iformat->name;
    if (format == "avi") return "AVI has no presentation times";
    const AVStream& video = *context.streams[source.info().video];
    const bool unordered = made_up_rate(context) && reorders(video);
    if (!unordered && (context.iformat->flags & AVFMT_NOTIMESTAMPS) == 0) return {};
    return fmt::format("raw {} stream", avcodec_get_name(video.codecpar->codec_id));
}

std::span<const std::byte> extradata_of(const AVCodecParameters& parameters) {
    return {reinterpret_cast<const std::byte*>(parameters.extradata),
            static_cast<std::size_t>(parameters.extradata_size)};
}

bool changes_parameters(const Packet& packet) {
    const AVPacket* av = find_av_packet(packet);
    return av != nullptr && (av_packet_get_side_data(av, AV_PKT_DATA_NEW_EXTRADATA, nullptr) != nullptr ||
                             av_packet_get_side_data(av, AV_PKT_DATA_PARAM_CHANGE, nullptr) != nullptr);
}

void check_stop(const std::stop_token& stop) {
    if (stop.stop_requested()) throw core::Error(core::ErrorCode::interrupted, "interrupted while reading the index");
}

void add_packet(const Packet& packet, AccessUnitScanner* scanner, IndexBuilder& builder) {
    const AccessUnit unit = scanner != nullptr ? scanner->scan(packet.data, packet.key) : AccessUnit{};
    if (changes_parameters(packet)) builder.set_one_segment("codec parameters change midway");
    if (unit.gradual_refresh) builder.set_one_segment("gradual refresh");
    if (unit.uncertain || unit.shown > 1) builder.set_one_segment("packets with several pictures or none");
    builder.add({.pts = packet.pts,
                 .dts = packet.dts,
                 .duration = packet.duration,
                 .position = packet.position,
                 .random_access = unit.random_access,
                 .shown = unit.shown > 0 && !packet.discard});
}

// What a demuxer said of damage in the file, without its own name and address; at most three lines. libavformat speaks
// in its name, too, of streams that it does not know.
std::string complaints(const AVFormatContext& context, std::string_view words) {
    constexpr std::array<std::string_view, 4> others{"Could not find", "Consider", "decoding for stream", "Estimating"};
    const std::string mark = fmt::format("[{} @ ", context.iformat->name);
    std::string out;
    int lines = 0;
    for (std::size_t at = words.find(mark); lines < 3 && at != std::string_view::npos; at = words.find(mark, at + 1)) {
        const std::size_t begin = std::min(words.find("] ", at), words.size() - 2) + 2;
        const std::string_view line = words.substr(begin, words.find("; [", begin) - begin);
        const auto begins_line = [line](std::string_view other) { return line.starts_with(other); };
        if (std::ranges::any_of(others, begins_line)) continue;
        out += fmt::format("{}{}", lines++ == 0 ? "" : "; ", line);
    }
    return out;
}

// MP4 and MOV say how many packets there are to be. Of other containers FFmpeg's words on what it passed over tell.
std::string describe_damage(const Source& source, int packets, std::string_view words) {
    const AVFormatContext& context = *format_context(source);
    if (std::string_view(context.iformat->name).starts_with("mov")) {
        const int promised = avformat_index_get_entries_count(context.streams[source.info().video]);
        if (packets < promised) return fmt::format("cut off: {} of {} packets are there", packets, promised);
    }
    if (ends_in_damage(source)) return "unreadable before its end";
    const bool has_counts = std::string_view(context.iformat->name).starts_with("mov");
    const std::string said = has_counts ? "" : complaints(context, words);
    return said.empty() ? said : "damaged: " + said;
}

// The frames that come out before the one at `end` when decoding begins at the file's beginning.
std::vector<StartFrame> decode_start(Source& source, std::int64_t end, const std::stop_token& stop) {
    source.seek(nullptr);
    const std::unique_ptr<Decoder> decoder = make_decoder(source, {.threads = 1});
    std::vector<StartFrame> frames;
    device::Picture picture;
    Packet packet;
    for (;;) {
        const core::Receive got = decoder->receive(picture);
        if (got == core::Receive::end) return frames;
        if (got == core::Receive::ready) {
            if (picture.pts >= end) return frames;
            frames.push_back({.pts = picture.pts, .duration = picture.duration});
            continue;
        }
        check_stop(stop);
        if (source.read(packet) == ReadResult::end) {
            decoder->finish();
        } else if (packet.stream == source.info().video) {
            const core::Feed fed = decoder->send(packet);
            assert(fed == core::Feed::accepted);
            (void)fed;
        }
    }
}

// All video packets into the builder; what of them is lost.
std::string read_packets(Source& reader, IndexBuilder& builder, const LogCapture& words, const std::stop_token& stop) {
    const int video = reader.info().video;
    const AVCodecParameters& parameters = *format_context(reader)->streams[video]->codecpar;
    const std::string codec = avcodec_get_name(parameters.codec_id);
    const auto scanner = make_access_unit_scanner(codec, extradata_of(parameters));
    if (!scanner) builder.set_one_segment(fmt::format("{}: where it may be cut is not known", codec));
    const RateFrom rate = reader.info().video_stream().rate_from;
    const bool counted = rate == RateFrom::user || rate == RateFrom::assumed;
    Packet packet;
    int packets = 0;
    while (reader.read(packet) == ReadResult::packet) {
        check_stop(stop);
        if (packet.stream != video) continue;
        if (counted && packet.pts == core::no_pts) packet.pts = packets;  // of some frame or other: how many there are
        add_packet(packet, scanner.get(), builder);
        ++packets;
    }
    return describe_damage(reader, packets, words.text());
}

}  // namespace

PacketIndex build_index(Source& source, const std::stop_token& stop) {
    IndexBuilder builder;
    if (!source.info().seekable) {
        builder.set_one_segment(source.info().path == "-" ? "standard input" : "input that cannot seek");
        return builder.finish();
    }
    assert(format_context(source) != nullptr);
    const std::string reason = format_reason(source);
    if (!reason.empty()) builder.set_one_segment(reason);

    // A demuxer of its own: the caller's stays at its beginning, and packets of other streams are not read.
    const LogCapture words;
    const std::unique_ptr<Source> reader = open_source(*source_options(source));
    reader->video_only();
    const std::string damage = read_packets(*reader, builder, words, stop);
    if (const auto first = builder.uncertain_before()) builder.set_start(decode_start(*reader, *first, stop));
    PacketIndex index = builder.finish();
    index.damage = damage;
    index.file = source_options(source)->known;
    return index;
}

}  // namespace millrace::media
