// open_source() by libavformat.

#include "media/source.h"

#include <fmt/core.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "media/ffmpeg/codec.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/frame_count.h"
#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/known_file.h"
#include "media/ffmpeg/source_access.h"
#include "media/ffmpeg/stream_headers.h"
#include "media/ffmpeg/stream_info.h"

namespace millrace::media {

namespace {

using core::Error;
using core::ErrorCode;
using namespace ffmpeg;  // NOLINT(google-build-using-namespace): this file is its front

bool is_pipe(const std::string& path) { return path == "-"; }

// Messages that FFmpeg would give as "Invalid data found when processing input".
void check_file(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: no such file", path));
    }
    if (status.type() == fs::file_type::directory) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: is a directory, expected a video file", path));
    }
    if (error) throw Error(ErrorCode::bad_input, fmt::format("{}: cannot be opened: {}", path, error.message()));
    if (status.type() == fs::file_type::regular && fs::file_size(path, error) == 0 && !error) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: is empty, expected a video file", path));
    }
}

[[noreturn]] void throw_unopenable(const std::string& path, int code) {
    const bool not_media = code == AVERROR_INVALIDDATA || code == AVERROR_EOF;
    const std::string why = not_media ? "is not a media file that FFmpeg can read, or it is cut off before its index"
                                      : fmt::format("cannot be opened: {}", error_text(code));
    throw Error(ErrorCode::bad_input, fmt::format("{}: {}", path, why));
}

/// A demuxer at its file's beginning.
struct Demuxer {
    DemuxerHandle context;
    std::vector<bool> described;  ///< streams without a picture having been decoded
    bool known = false;           ///< what was known of the file still holds
};

DemuxerHandle open_container(const std::string& path, const std::string& url, const AVInputFormat* format) {
    AVFormatContext* raw = nullptr;
    const int opened = avformat_open_input(&raw, url.c_str(), format, nullptr);
    if (opened < 0 && format == nullptr) throw_unopenable(path, opened);
    return DemuxerHandle(raw);
}

// Null where the file is not as it was.
DemuxerHandle open_known(const SourceOptions& options, const std::string& url) {
    if (!options.known || options.known->demuxer() == nullptr) return nullptr;
    DemuxerHandle context = open_container(options.path, url, options.known->demuxer());
    return context && options.known->apply(*context, options) ? std::move(context) : nullptr;
}

Demuxer open_demuxer(const SourceOptions& options) {
    route_log();
    const std::string& path = options.path;
    const std::string url = is_pipe(path) ? "pipe:0" : "file:" + path;
    Demuxer demuxer{.context = open_known(options, url), .described = {}};
    demuxer.known = demuxer.context != nullptr;
    if (!demuxer.known) demuxer.context = open_container(path, url, nullptr);
    demuxer.described = demuxer.known ? options.known->described() : describe_by_headers(*demuxer.context, url);
    // MP4's tables leave nothing to be found out of streams that are known.
    if (demuxer.known && std::string_view(demuxer.context->iformat->name).starts_with("mov")) return demuxer;
    const int found = find_stream_info(*demuxer.context, demuxer.described);
    if (found < 0) throw_unopenable(path, found);
    return demuxer;
}

class FfmpegSource final : public Source {
  public:
    explicit FfmpegSource(SourceOptions options) : options_(std::move(options)) {
        Demuxer demuxer = open_demuxer(options_);
        context_ = std::move(demuxer.context);
        if (demuxer.known) {
            info_ = options_.known->info();
            return;
        }
        describe();
        options_.known = nullptr;  // an older one holds an even older one
        options_.known = std::make_shared<const KnownFile>(*context_, info_, options_, std::move(demuxer.described));
    }

    [[nodiscard]] const SourceInfo& info() const override { return info_; }
    ReadResult read(Packet& packet) override;
    void seek(const AccessPoint* point) override;
    void video_only() override;
    void divert(std::function<void(Packet)> other) override;

    [[nodiscard]] AVFormatContext* context() const { return context_.get(); }
    [[nodiscard]] const SourceOptions& options() const { return options_; }
    [[nodiscard]] bool ends_in_damage() const { return ends_in_damage_; }

  private:
    void describe();
    void choose_video();
    void check_video() const;
    void find_hdr();
    void check_pipe();
    void settle_rate();
    [[nodiscard]] AVRational header_rate(AVRational made_up);
    void count_frames(AVRational made_up);
    FrameHandle decode_first_frame(std::size_t most_packets);
    ReadResult next_packet(Packet& packet);
    ReadResult read_demuxer(Packet& packet);

    SourceOptions options_;
    DemuxerHandle context_;
    SourceInfo info_;
    std::deque<Packet> ahead_;               // read while opening
    std::optional<FrameCount> frame_count_;  // of a video stream without times; nullopt: it has some
    bool at_beginning_ = true;
    bool video_only_ = false;
    std::function<void(Packet)> other_;  // takes what is not video
    bool ends_in_damage_ = false;
};

void FfmpegSource::describe() {
    info_.path = options_.path;
    info_.format = context_->iformat->name;
    AVIOContext* io = context_->pb;
    info_.seekable = io != nullptr && (io->seekable & AVIO_SEEKABLE_NORMAL) != 0 && !is_pipe(options_.path);
    if (info_.seekable) info_.size_bytes = avio_size(io);
    if (context_->duration != AV_NOPTS_VALUE) {
        info_.duration_seconds = core::to_seconds(context_->duration, {1, AV_TIME_BASE});
    }
    info_.chapter_count = static_cast<int>(context_->nb_chapters);
    info_.metadata = to_map(context_->metadata);
    for (unsigned i = 0; i < context_->nb_streams; ++i) {
        info_.streams.push_back(describe_stream(*context_->streams[i], options_.color_override));
    }
    choose_video();
    check_video();
    settle_rate();
    find_hdr();
    if (is_pipe(options_.path)) check_pipe();
}

// An MP4 whose index lies behind its pictures has let them pass by the time it is known.
void FfmpegSource::check_pipe() {
    if (!std::string_view(info_.format).starts_with("mov") || !ahead_.empty()) return;
    Packet packet;
    if (read_demuxer(packet) == ReadResult::packet) {
        ahead_.push_back(std::move(packet));
    } else if (ends_in_damage_) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("{}: this MP4 has its index at its end, which a pipe cannot go back from; give the file by "
                        "name, or write it with -movflags faststart",
                        info_.path));
    }
}

// Times of a format that keeps none follow from a rate: the user's, or that of the stream's headers, or libavformat's.
void FfmpegSource::settle_rate() {
    StreamInfo& video = info_.streams.at(static_cast<std::size_t>(info_.video));
    const bool asked = options_.frame_rate.num > 0;
    const std::optional<AVRational> made_up = made_up_rate(*context_);
    if (!made_up && asked) {
        throw Error(ErrorCode::usage,
                    fmt::format("--input-rate: {} has times of its own (format {}, {:.6g} frames a second on "
                                "average), which its frames keep; leave the option out",
                                info_.path, info_.format, av_q2d(to_av(video.average_frame_rate))));
    }
    if (!made_up) return;
    video.headers_rate = to_rational(header_rate(*made_up));
    video.rate_from = asked ? RateFrom::user : video.headers_rate.num > 0 ? RateFrom::headers : RateFrom::assumed;
    if (video.rate_from == RateFrom::headers) return;
    count_frames(*made_up);
}

// libavformat knows it, but for one that is what it makes up where there is none.
AVRational FfmpegSource::header_rate(AVRational made_up) {
    const AVStream& stream = *context_->streams[info_.video];
    if (av_cmp_q(stream.avg_frame_rate, made_up) != 0) return stream.avg_frame_rate;
    Packet first;
    if (read_demuxer(first) == ReadResult::end) return {0, 1};
    ahead_.push_back(std::move(first));
    return rate_in_headers(stream, *find_av_packet(ahead_.back()));
}

// In ticks of one frame each.
void FfmpegSource::count_frames(AVRational made_up) {
    StreamInfo& video = info_.streams.at(static_cast<std::size_t>(info_.video));
    frame_count_.emplace(*context_->streams[info_.video], made_up);
    for (Packet& packet : ahead_) {
        PacketHandle counted = to_av(packet);
        frame_count_->set_times(*counted);
        packet = to_packet(std::move(counted));
    }
    const core::Rational made_rate = to_rational(made_up);
    video.average_frame_rate = video.rate_from == RateFrom::user ? options_.frame_rate : made_rate;
    video.time_base = {video.average_frame_rate.den, video.average_frame_rate.num};
    video.start_pts = 0;
    // What libavformat says of lengths follows from its rate, or is guessed from bit rates.
    video.duration = core::no_pts;
    info_.duration_seconds = 0;
}

// Without a size nothing behind can be prepared.
void FfmpegSource::check_video() const {
    const StreamInfo& video = info_.video_stream();
    if (video.picture.width > 0 && video.picture.height > 0) return;
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: its video stream ({}) tells no picture size: no key frame or header was found in its "
                            "first part; it is damaged, or cut from a longer file",
                            info_.path, video.codec));
}

// Streams whose container says nothing carry it in their first frame (SEI messages, metadata OBUs).
void FfmpegSource::find_hdr() {
    StreamInfo& video = info_.streams.at(static_cast<std::size_t>(info_.video));
    constexpr std::uint8_t pq = 16;
    constexpr std::uint8_t hlg = 18;
    const bool hdr = video.color.value.transfer == pq || video.color.value.transfer == hlg;
    if (!hdr || (video.hdr.mastering && video.hdr.light)) return;
    constexpr std::size_t most_packets = 256;
    const FrameHandle frame = decode_first_frame(most_packets);
    if (!frame) return;
    const HdrMetadata found = frame_hdr(*frame);
    if (!video.hdr.mastering) video.hdr.mastering = found.mastering;
    if (!video.hdr.light) video.hdr.light = found.light;
}

// What it reads, read() gives again. Null when the first packets hold no frame.
FrameHandle FfmpegSource::decode_first_frame(std::size_t most_packets) {
    const CodecHandle codec = open_video_decoder(info_.path, *context_->streams[info_.video], 1);
    FrameHandle frame = allocate_frame();
    for (std::size_t i = 0; i < most_packets; ++i) {
        if (i == ahead_.size()) {
            Packet packet;
            if (read_demuxer(packet) == ReadResult::end) break;
            ahead_.push_back(std::move(packet));
        }
        const AVPacket* av = find_av_packet(ahead_[i]);
        const bool fed = ahead_[i].stream == info_.video && avcodec_send_packet(codec.get(), av) >= 0;
        if (fed && avcodec_receive_frame(codec.get(), frame.get()) >= 0) return frame;
    }
    avcodec_send_packet(codec.get(), nullptr);
    if (avcodec_receive_frame(codec.get(), frame.get()) < 0) frame.reset();
    return frame;
}

void FfmpegSource::choose_video() {
    int ordinal = 0;
    for (const StreamInfo& stream : info_.streams) {
        if (stream.kind != MediaKind::video || stream.attached_picture) continue;
        if (ordinal++ == options_.video_ordinal) info_.video = stream.index;
    }
    if (ordinal == 0) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: has no video stream (format {}, {} other streams)",
                                                      info_.path, info_.format, info_.streams.size()));
    }
    if (info_.video < 0) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: has no video stream v:{}, it has {} (v:0 to v:{})",
                                                      info_.path, options_.video_ordinal, ordinal, ordinal - 1));
    }
}

ReadResult FfmpegSource::read(Packet& packet) {
    at_beginning_ = false;
    while (next_packet(packet) == ReadResult::packet) {
        if (packet.stream == info_.video || (!video_only_ && !other_)) return ReadResult::packet;
        if (other_) other_(std::move(packet));
    }
    return ReadResult::end;
}

ReadResult FfmpegSource::next_packet(Packet& packet) {
    if (ahead_.empty()) return read_demuxer(packet);
    packet = std::move(ahead_.front());
    ahead_.pop_front();
    return ReadResult::packet;
}

void FfmpegSource::divert(std::function<void(Packet)> other) { other_ = std::move(other); }

ReadResult FfmpegSource::read_demuxer(Packet& packet) {
    // A demuxer may stumble over damage and go on behind it; one that stumbles this often in a row does not.
    constexpr int most_failures = 64;
    int code = 0;
    for (int failures = 0; failures < most_failures; ++failures) {
        PacketHandle next = allocate_packet();
        code = av_read_frame(context_.get(), next.get());
        if (code >= 0) {
            if (frame_count_ && next->stream_index == info_.video) frame_count_->set_times(*next);
            packet = to_packet(std::move(next));
            return ReadResult::packet;
        }
        if (code == AVERROR_EOF) return ReadResult::end;
        if (code == AVERROR(EIO) || code == AVERROR(ENOMEM)) break;
    }
    if (code == AVERROR_INVALIDDATA) {
        ends_in_damage_ = true;
        core::log::warning("{}: unreadable from here on, treated as its end", info_.path);
        return ReadResult::end;
    }
    throw Error(ErrorCode::failed, fmt::format("{}: reading failed: {}", info_.path, error_text(code)));
}

void FfmpegSource::seek(const AccessPoint* point) {
    if (point == nullptr && at_beginning_) return;
    if (!info_.seekable) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{}: cannot seek; it is read once, from its beginning", info_.path));
    }
    at_beginning_ = false;
    ahead_.clear();
    if (point == nullptr) {
        // Opening again is the one way back that loses nothing: seeking to the first video packet drops audio before
        // it.
        context_ = open_demuxer(options_).context;
        at_beginning_ = true;
        if (video_only_) video_only();
        return;
    }
    // Formats whose times may jump are sought by byte: a search by time in an MPEG-TS gives wrong frames silently.
    const bool by_byte = (context_->iformat->flags & AVFMT_TS_DISCONT) != 0 && point->position >= 0;
    const std::int64_t ticks = frame_count_ ? frame_count_->to_ticks(point->pts) : point->pts;
    const int code = by_byte ? av_seek_frame(context_.get(), -1, point->position, AVSEEK_FLAG_BYTE)
                             : av_seek_frame(context_.get(), info_.video, ticks, AVSEEK_FLAG_BACKWARD);
    if (code < 0) seek(nullptr);
}

void FfmpegSource::video_only() {
    if (other_) return;
    video_only_ = true;
    for (unsigned i = 0; i < context_->nb_streams; ++i) {
        if (static_cast<int>(i) != info_.video) context_->streams[i]->discard = AVDISCARD_ALL;
    }
}

}  // namespace

namespace ffmpeg {

const AVFormatContext* format_context(const Source& source) {
    const auto* ours = dynamic_cast<const FfmpegSource*>(&source);
    return ours == nullptr ? nullptr : ours->context();
}

const SourceOptions* source_options(const Source& source) {
    const auto* ours = dynamic_cast<const FfmpegSource*>(&source);
    return ours == nullptr ? nullptr : &ours->options();
}

bool ends_in_damage(const Source& source) {
    const auto* ours = dynamic_cast<const FfmpegSource*>(&source);
    return ours != nullptr && ours->ends_in_damage();
}

}  // namespace ffmpeg

std::unique_ptr<Source> open_source(const SourceOptions& options) {
    if (!is_pipe(options.path)) check_file(options.path);
    return std::make_unique<FfmpegSource>(options);
}

}  // namespace millrace::media
