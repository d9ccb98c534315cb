#include "media/ffmpeg/sink_copy.h"

extern "C" {
#include <libavutil/mathematics.h>
}

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/source_access.h"

namespace millrace::media::ffmpeg {

namespace {

constexpr AVRational microseconds{1, AV_TIME_BASE};

std::unique_ptr<Source> open_again(const std::vector<CopiedStream>& streams, const Source& source) {
    if (streams.empty()) return nullptr;
    const SourceOptions* options = source_options(source);
    auto again = open_source(options != nullptr ? *options : SourceOptions{.path = source.info().path});
    const AVFormatContext* context = format_context(*again);
    // What is not copied is not read either.
    for (unsigned i = 0; context != nullptr && i < context->nb_streams; ++i) {
        const bool copied = std::ranges::find(streams, static_cast<int>(i), &CopiedStream::source) != streams.end();
        if (!copied) context->streams[i]->discard = AVDISCARD_ALL;
    }
    return again;
}

}  // namespace

CopyFeed::CopyFeed(std::vector<CopiedStream> streams, const Source& source, CopyOptions options)
    : streams_(std::move(streams)), options_(std::move(options)) {
    if (!options_.next_packet) own_ = open_again(streams_, source);
}

bool CopyFeed::read(Packet& packet) {
    if (options_.next_packet) return options_.next_packet(packet);
    return own_ && own_->read(packet) == ReadResult::packet;
}

CopiedStream& CopyFeed::stream_of(const AVPacket& packet) {
    const auto found = std::ranges::find(streams_, packet.stream_index, &CopiedStream::output);
    assert(found != streams_.end());
    return *found;
}

bool CopyFeed::trim(AVPacket& packet, CopiedStream& stream) const {
    const AVRational base = stream.time_base;
    if (packet.pts == AV_NOPTS_VALUE) packet.pts = packet.dts;
    if (packet.pts == AV_NOPTS_VALUE) return true;  // the muxer's to judge
    const bool from_start = options_.begin_us == std::numeric_limits<std::int64_t>::min();
    if (!from_start && av_compare_ts(packet.pts, base, options_.begin_us, microseconds) < 0) {
        const std::int64_t begin = av_rescale_q(options_.begin_us, microseconds, base);
        const bool still_shown = stream.type == AVMEDIA_TYPE_SUBTITLE && packet.pts + packet.duration > begin;
        if (!still_shown) return false;
        packet.duration -= begin - packet.pts;
        packet.pts = begin;
        packet.dts = begin;
    }
    const bool to_end = options_.end_us == std::numeric_limits<std::int64_t>::max();
    if (!to_end) {
        if (av_compare_ts(packet.pts, base, options_.end_us, microseconds) >= 0) return false;
        const std::int64_t end = av_rescale_q(options_.end_us, microseconds, base);
        if (stream.type == AVMEDIA_TYPE_SUBTITLE) packet.duration = std::min(packet.duration, end - packet.pts);
    }
    if (stream.type == AVMEDIA_TYPE_VIDEO) {
        stream.key_seen = stream.key_seen || (packet.flags & AV_PKT_FLAG_KEY) != 0;
        if (!stream.key_seen) return false;
    }
    const std::int64_t shift = av_rescale_q(options_.shift_us, microseconds, base);
    packet.pts -= shift;
    if (packet.dts != AV_NOPTS_VALUE) packet.dts -= shift;
    return true;
}

bool CopyFeed::fill() {
    while (!ended_) {
        Packet packet;
        if (!read(packet)) {
            ended_ = true;
            break;
        }
        const auto stream = std::ranges::find(streams_, packet.stream, &CopiedStream::source);
        if (stream == streams_.end()) continue;
        PacketHandle av = to_av(packet);
        if (!trim(*av, *stream)) continue;
        if (stream->text) av = stream->text->convert(*av);
        if (!av) continue;
        av->stream_index = stream->output;
        av->pos = -1;
        ready_.push_back(std::move(av));
        return true;
    }
    return false;
}

const AVPacket* CopyFeed::peek() {
    if (ready_.empty() && !fill()) return nullptr;
    return ready_.front().get();
}

PacketHandle CopyFeed::pop() {
    assert(!ready_.empty());
    PacketHandle out = std::move(ready_.front());
    ready_.pop_front();
    return out;
}

std::int64_t CopyFeed::earliest_us() {
    constexpr std::size_t most = 1000;  // audio that begins later than this many packets does not begin below zero
    const auto audio = [](const CopiedStream& s) { return s.type == AVMEDIA_TYPE_AUDIO; };
    const auto streams = std::ranges::count_if(streams_, audio);
    std::vector<int> seen;
    std::int64_t earliest = 0;
    while (std::ssize(seen) < streams && ready_.size() < most && fill()) {
        const AVPacket& packet = *ready_.back();
        const CopiedStream& stream = stream_of(packet);
        if (!audio(stream) || std::ranges::find(seen, stream.output) != seen.end()) continue;
        seen.push_back(stream.output);
        if (packet.pts == AV_NOPTS_VALUE) continue;
        earliest = std::min(earliest,
                            av_rescale_q_rnd(packet.pts + stream.lead, stream.time_base, microseconds, AV_ROUND_DOWN));
    }
    return earliest;
}

}  // namespace millrace::media::ffmpeg
