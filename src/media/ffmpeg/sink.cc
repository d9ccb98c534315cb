// open_sink() by libavformat.

#include "media/sink.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/log_capture.h"
#include "media/ffmpeg/sink_container.h"
#include "media/ffmpeg/sink_copy.h"
#include "media/ffmpeg/sink_file.h"
#include "media/ffmpeg/sink_images.h"
#include "media/ffmpeg/sink_metadata.h"
#include "media/ffmpeg/sink_span.h"
#include "media/ffmpeg/sink_video.h"
#include "media/ffmpeg/source_access.h"

namespace millrace::media {

namespace {

using core::Error;
using core::ErrorCode;
using namespace ffmpeg;  // NOLINT(google-build-using-namespace): this file is its front

constexpr AVRational microseconds{1, AV_TIME_BASE};

/// The time in the output of audio whose source has ticks coarser than a sample: counted in samples from the first one
/// as long as that stays within a tick of what the source says. AV_NOPTS_VALUE where that is of no use.
std::int64_t even_audio_time(CopiedStream& stream, const AVPacket& packet, const AVStream& to) {
    const int rate = to.codecpar->sample_rate;
    const bool coarse = rate > 0 && std::int64_t{stream.time_base.num} * rate > stream.time_base.den;
    if (stream.type != AVMEDIA_TYPE_AUDIO || !coarse || packet.pts == AV_NOPTS_VALUE) return AV_NOPTS_VALUE;
    const int samples = av_get_audio_frame_duration2(to.codecpar, packet.size);
    if (samples <= 0 || to.time_base.den < rate) return AV_NOPTS_VALUE;
    return av_rescale_delta(stream.time_base, packet.pts, {1, rate}, samples, &stream.next_sample, to.time_base);
}

/// Null where FFmpeg cannot make it, and `result` says why.
MuxerHandle make_muxer(const Container& container, const SinkOptions& options, int& result) {
    AVFormatContext* raw = nullptr;
    const std::string muxer(container.muxer);
    result = avformat_alloc_output_context2(&raw, nullptr, muxer.c_str(), options.path.c_str());
    return MuxerHandle(raw);
}

/// What of the source around its streams the container has no place for.
std::vector<CopyNote> lost_of_file(const Container& container, const AVFormatContext& from) {
    std::vector<CopyNote> lost;
    for (const std::string& key : unkept_keys(container, from.metadata)) {
        lost.push_back(
            {.loss = true, .text = fmt::format("metadata {}: {} has no place for it", key, container.muxer)});
    }
    if (!container.chapters && from.nb_chapters > 0) {
        lost.push_back({.loss = true,
                        .text = fmt::format("{} chapters: {} holds none, dropped", from.nb_chapters, container.muxer)});
    }
    return lost;
}

void append(std::vector<CopyNote>& notes, std::vector<CopyNote> more) {
    std::ranges::move(more, std::back_inserter(notes));
}

class FfmpegSink final : public Sink {
  public:
    explicit FfmpegSink(const SinkOptions& options)
        : options_(options), container_(find_container(options)), file_(options.path, options.expected_bytes) {}

    std::vector<CopyNote> begin(const SinkVideo& video, const Source* source, const CopyOptions& copy) override;
    void write(const Packet& packet) override;
    void start_writeback() override { file_.start_writeback(); }
    void finish() override;

  private:
    [[nodiscard]] bool is_quicktime() const { return container_.muxer == "mp4" || container_.muxer == "mov"; }
    void check_codec(const std::string& codec) const;
    void copy_from(const Source& source, const CopyOptions& copy, std::vector<CopyNote>& notes);
    void number_frames(AVStream& stream, std::vector<CopyNote>& notes) const;
    void choose_shift(std::vector<CopyNote>& notes);
    void write_header();
    [[nodiscard]] std::int64_t to_output(std::int64_t time, AVRational from, const AVStream& to) const;
    void set_times(AVPacket& packet, AVRational from, const AVStream& to) const;
    void write_video(PacketHandle packet);
    void write_copied(PacketHandle packet);
    void interleave(PacketHandle packet);

    SinkOptions options_;
    const Container& container_;
    OutputFile file_;
    MuxerHandle muxer_;
    SinkVideo video_;
    AVRational video_base_{0, 1};
    BitstreamFilterHandle filter_;
    std::optional<CopyFeed> feed_;
    std::int64_t shift_us_ = 0;  // added to every time
    std::int64_t frames_ = 0;
    std::optional<ShownSpan> span_;
    PacketHandle last_;  // of the video, until it is known whether one follows
};

void FfmpegSink::check_codec(const std::string& codec) const {
    if (holds_video(container_, codec, options_)) return;
    const std::string& name = options_.name.empty() ? options_.path : options_.name;
    throw Error(ErrorCode::usage, fmt::format("{}: {} does not hold {}; use {}", name, container_.muxer, codec,
                                              fmt::join(extensions_for(codec), ", ")));
}

std::vector<CopyNote> FfmpegSink::begin(const SinkVideo& video, const Source* source, const CopyOptions& copy) {
    assert(!muxer_);
    route_log();
    check_codec(video.stream.codec);
    video_ = video;
    video_base_ = to_av(video.time_base);
    span_.emplace(video.first_pts, video.first_dts);
    int result = 0;
    muxer_ = make_muxer(container_, options_, result);
    file_.check(result, "opening");
    muxer_->pb = file_.io();
    muxer_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;  // the same bytes from the same input
    muxer_->avoid_negative_ts = 0;                                // shifts are chosen here, and said
    muxer_->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;   // FLAC and Dolby TrueHD in MP4
    std::vector<CopyNote> notes;
    AVStream& stream = add_video_stream(*muxer_, container_, video, source);
    const AVFormatContext* from = source == nullptr ? nullptr : format_context(*source);
    if (from != nullptr) append(notes, lost_of_video(container_, *from->streams[source->info().video]));
    if (container_.muxer == "avi") number_frames(stream, notes);
    if (container_.muxer != "mpegts") filter_ = make_parameter_set_filter(container_, stream);
    if (source != nullptr) copy_from(*source, copy, notes);
    choose_shift(notes);
    write_header();
    return notes;
}

void FfmpegSink::copy_from(const Source& source, const CopyOptions& copy, std::vector<CopyNote>& notes) {
    CopyPlan plan = plan_copies(*muxer_, container_, source, copy);
    append(notes, std::move(plan.notes));
    if (const AVFormatContext* from = format_context(source)) {
        if (container_.metadata) copy_metadata(muxer_->metadata, from->metadata);
        if (container_.chapters) copy_chapters(*muxer_, *from, copy);
        append(notes, lost_of_file(container_, *from));
    }
    if (!plan.streams.empty()) feed_.emplace(std::move(plan.streams), source, copy);
}

// AVI has neither times nor an order of presentation, only a frame rate.
void FfmpegSink::number_frames(AVStream& stream, std::vector<CopyNote>& notes) const {
    if (video_.frame_rate.num <= 0) {
        throw Error(
            ErrorCode::usage,
            fmt::format("{}: avi needs a constant frame rate, and this video's varies; use mkv", options_.path));
    }
    stream.time_base = to_av(core::Rational{video_.frame_rate.den, video_.frame_rate.num});
    if (video_.reorder == 0) return;
    notes.push_back(
        {.loss = true,
         .text = "avi has no presentation times: players must guess them from B-frames; -e bf=0 makes none"});
}

void FfmpegSink::choose_shift(std::vector<CopyNote>& notes) {
    const std::int64_t first_pts = av_rescale_q_rnd(video_.first_pts, video_base_, microseconds, AV_ROUND_DOWN);
    const std::int64_t first_dts = av_rescale_q_rnd(video_.first_dts, video_base_, microseconds, AV_ROUND_DOWN);
    std::string why;
    switch (container_.origin) {
        case TimeOrigin::none:
            return;
        case TimeOrigin::below_zero:  // audio below zero is cut by an edit list, as it should be; pictures must not be
            shift_us_ = std::max<std::int64_t>(0, -first_pts);
            why = "the first frame lies before zero";
            break;
        case TimeOrigin::zero:
            shift_us_ = std::max<std::int64_t>(0, -std::min(first_pts, feed_ ? feed_->earliest_us() : 0));
            shift_us_ = (shift_us_ + 999) / 1000 * 1000;
            why = "this container cannot begin before zero, where the audio's priming lies";
            break;
        case TimeOrigin::clock:  // the decoder's clock starts 0.7 s ahead of the first packet
            if (std::min(first_dts, feed_ ? feed_->earliest_us() : 0) >= 0 && first_dts >= 700'000) return;
            shift_us_ = 1'400'000;
            why = "the decoder's clock must start ahead of the first frame";
            break;
    }
    if (shift_us_ == 0) return;
    notes.push_back({.text = fmt::format("all times are {:.6g} s later than in the source: {}",
                                         static_cast<double>(shift_us_) * 1e-6, why)});
}

void FfmpegSink::write_header() {
    AVDictionary* raw = nullptr;
    if (is_quicktime()) {
        // Edit lists count in the movie's time scale: with the video's own, a start and an end are exact.
        int scale = video_base_.den;
        while (scale < 10'000) scale *= 2;
        std::int64_t common = scale;
        for (unsigned i = 1; i < muxer_->nb_streams; ++i) {
            const int rate = muxer_->streams[i]->codecpar->sample_rate;
            if (rate > 0) common = std::lcm(common, std::int64_t{rate});
            if (common > 10'000'000) common = scale;
        }
        av_dict_set_int(&raw, "movie_timescale", common, 0);
        if (options_.fragmented == Fragmented::yes) {
            av_dict_set(&raw, "movflags", "+frag_keyframe+delay_moov+default_base_moof", 0);
        }
    }
    if (container_.muxer == "mpegts") {
        av_dict_set(&raw, "mpegts_copyts", "1", 0);
        muxer_->max_delay = 700'000;
    }
    DictionaryHandle options(raw);
    const LogCapture words;
    AVDictionary* given = options.release();
    const int result = avformat_write_header(muxer_.get(), &given);
    options.reset(given);
    if (result < 0 && !words.text().empty() && muxer_->pb->error == 0) {
        throw Error(ErrorCode::failed,
                    fmt::format("{}: {} refuses these streams: {}", options_.path, container_.muxer, words.text()));
    }
    file_.check(result, "writing the header");
}

std::int64_t FfmpegSink::to_output(std::int64_t time, AVRational from, const AVStream& to) const {
    if (time == AV_NOPTS_VALUE) return time;
    return av_rescale_q(time, from, to.time_base) + av_rescale_q(shift_us_, microseconds, to.time_base);
}

void FfmpegSink::set_times(AVPacket& packet, AVRational from, const AVStream& to) const {
    // An end that is rounded like the next packet's beginning leaves neither gap nor overlap.
    const std::int64_t end =
        packet.pts == AV_NOPTS_VALUE ? AV_NOPTS_VALUE : to_output(packet.pts + packet.duration, from, to);
    packet.pts = to_output(packet.pts, from, to);
    packet.dts = to_output(packet.dts, from, to);
    packet.duration = end == AV_NOPTS_VALUE ? av_rescale_q(packet.duration, from, to.time_base) : end - packet.pts;
    packet.time_base = to.time_base;
}

void FfmpegSink::interleave(PacketHandle packet) {
    file_.check(av_interleaved_write_frame(muxer_.get(), packet.get()), "writing");
    file_.check(muxer_->pb->error, "writing");
}

void FfmpegSink::write_copied(PacketHandle packet) {
    CopiedStream& stream = feed_->stream_of(*packet);
    const AVStream& to = *muxer_->streams[packet->stream_index];
    if (packet->pts != AV_NOPTS_VALUE) packet->pts += stream.lead_to_add;
    if (packet->dts != AV_NOPTS_VALUE) packet->dts += stream.lead_to_add;
    const std::int64_t even = even_audio_time(stream, *packet, to);
    set_times(*packet, stream.time_base, to);
    if (even != AV_NOPTS_VALUE) {
        packet->pts = even + av_rescale_q(shift_us_, microseconds, to.time_base);
        packet->dts = packet->pts;
    }
    interleave(std::move(packet));
}

void FfmpegSink::write_video(PacketHandle packet) {
    const AVStream& to = *muxer_->streams[0];
    if (container_.muxer == "avi") {  // its frames are numbered, not timed
        packet->pts = frames_;
        packet->dts = frames_;
        packet->duration = 1;
        packet->time_base = to.time_base;
    } else {
        set_times(*packet, video_base_, to);
    }
    ++frames_;
    if (!filter_) return interleave(std::move(packet));
    file_.check(av_bsf_send_packet(filter_.get(), packet.get()), "writing");
    PacketHandle filtered = allocate_packet();
    file_.check(av_bsf_receive_packet(filter_.get(), filtered.get()), "writing");
    interleave(std::move(filtered));
}

void FfmpegSink::write(const Packet& packet) {
    assert(muxer_);
    if (last_) write_video(std::move(last_));
    while (feed_) {
        const AVPacket* copied = feed_->peek();
        if (copied == nullptr) break;
        const std::int64_t time = copied->dts != AV_NOPTS_VALUE ? copied->dts : copied->pts;
        if (time != AV_NOPTS_VALUE &&
            av_compare_ts(time, feed_->stream_of(*copied).time_base, packet.dts, video_base_) > 0) {
            break;
        }
        write_copied(feed_->pop());
    }
    PacketHandle av = to_av(packet);
    av->stream_index = 0;
    span_->add(*av);
    last_ = std::move(av);
}

void FfmpegSink::finish() {
    assert(muxer_);
    if (last_ && is_quicktime()) span_->stretch(*last_);
    if (last_) write_video(std::move(last_));
    while (feed_ && feed_->peek() != nullptr) write_copied(feed_->pop());
    file_.check(av_write_trailer(muxer_.get()), "writing the index");
    muxer_.reset();
    file_.close();
}

// In the order of FfmpegSink::begin().
std::vector<CopyNote> foreseen_notes(const Container& container, const SinkOptions& options, const Source& source,
                                     const CopyOptions& copy) {
    const AVFormatContext* from = format_context(source);
    int result = 0;
    const MuxerHandle muxer = make_muxer(container, options, result);
    if (from == nullptr || !muxer) return {};
    std::vector<CopyNote> notes = lost_of_video(container, *from->streams[source.info().video]);
    append(notes, plan_copies(*muxer, container, source, copy).notes);
    append(notes, lost_of_file(container, *from));
    return notes;
}

}  // namespace

std::vector<CopyNote> foresee_losses(const SinkOptions& options, const Source& source, const CopyOptions& copy) {
    const Container& container = find_container(options);
    std::vector<CopyNote> notes =
        is_image_pattern(container) ? lost_of_images(source, copy) : foreseen_notes(container, options, source, copy);
    std::erase_if(notes, [](const CopyNote& note) { return !note.loss; });
    return notes;
}

std::unique_ptr<Sink> open_sink(const SinkOptions& options) {
    if (is_image_pattern(find_container(options))) return open_image_sink(options);
    return std::make_unique<FfmpegSink>(options);
}

}  // namespace millrace::media
