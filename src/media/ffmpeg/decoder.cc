#include "media/ffmpeg/decoder.h"

#include <atomic>
#include <cassert>
#include <optional>
#include <utility>

#include "media/ffmpeg/codec.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/deinterlacer.h"
#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/repack.h"
#include "media/ffmpeg/source_access.h"
#include "media/ffmpeg/stream_info.h"

namespace millrace::media::ffmpeg {

namespace {

class FfmpegDecoder final : public Decoder {
  public:
    FfmpegDecoder(const Source& source, const DecoderOptions& options)
        : stream_(source.info().video_stream()),
          user_color_(source_options(source)->color_override),
          codec_(open_video_decoder(source.info().path, *format_context(source)->streams[source.info().video],
                                    options.threads)) {
        codec_->opaque = &concealed_;  // route_log() counts there
        if (options.deinterlace == Deinterlace::bwdif) deinterlacer_.emplace(options.threads);
    }

    core::Feed send(const Packet& packet) override;
    void finish() override;
    core::Receive receive(device::Picture& picture) override;
    void reset() override;
    [[nodiscard]] std::int64_t errors() const override { return errors_ + concealed_.load(); }

  private:
    core::Receive receive_frame(FrameHandle& frame);
    core::Receive receive_progressive(FrameHandle& frame);
    [[nodiscard]] device::Picture deliver(FrameHandle frame) const;
    [[nodiscard]] core::ColorDescription color_of(const AVFrame& frame) const;

    StreamInfo stream_;
    core::ColorDescription user_color_;
    std::atomic<std::int64_t> concealed_{0};  // pictures; outlives codec_, whose threads count
    CodecHandle codec_;
    std::optional<Deinterlacer> deinterlacer_;
    std::int64_t errors_ = 0;
};

core::Feed FfmpegDecoder::send(const Packet& packet) {
    if (packet.data.empty()) return core::Feed::accepted;  // to libavcodec it would mean the end
    PacketHandle copy;
    const AVPacket* av = find_av_packet(packet);
    if (av == nullptr) {
        copy = to_av(packet);
        av = copy.get();
    }
    const int code = avcodec_send_packet(codec_.get(), av);
    if (code == AVERROR(EAGAIN)) return core::Feed::full;
    assert(code != AVERROR_EOF);
    if (code < 0) ++errors_;
    return core::Feed::accepted;
}

void FfmpegDecoder::finish() {
    if (avcodec_send_packet(codec_.get(), nullptr) < 0) ++errors_;
}

void FfmpegDecoder::reset() {
    avcodec_flush_buffers(codec_.get());
    if (deinterlacer_) deinterlacer_->reset();
}

core::Receive FfmpegDecoder::receive(device::Picture& picture) {
    FrameHandle frame;
    const core::Receive got = deinterlacer_ ? receive_progressive(frame) : receive_frame(frame);
    if (got == core::Receive::ready) picture = deliver(std::move(frame));
    return got;
}

// A frame from libavcodec, in a layout that Millrace knows.
core::Receive FfmpegDecoder::receive_frame(FrameHandle& frame) {
    frame = allocate_frame();
    for (;;) {
        const int code = avcodec_receive_frame(codec_.get(), frame.get());
        if (code >= 0) break;
        if (code == AVERROR(EAGAIN)) return core::Receive::needs_input;
        if (code == AVERROR_EOF) return core::Receive::end;
        ++errors_;  // each failing call used up a packet, so this ends. Damaged sizes give "out of memory", too.
    }
    const Delivery delivery = choose_delivery(static_cast<AVPixelFormat>(frame->format));
    const bool upward = frame->linesize[0] < 0;
    if (delivery.av != frame->format || upward) frame = repack(*frame, delivery);
    return core::Receive::ready;
}

core::Receive FfmpegDecoder::receive_progressive(FrameHandle& frame) {
    for (;;) {
        const core::Receive filtered = deinterlacer_->receive(frame);
        if (filtered != core::Receive::needs_input) return filtered;
        FrameHandle decoded;
        switch (receive_frame(decoded)) {
            case core::Receive::needs_input:
                return core::Receive::needs_input;
            case core::Receive::ready:
                deinterlacer_->send(std::move(decoded));
                break;
            case core::Receive::end:
                deinterlacer_->finish();
                break;
        }
    }
}

// The frame's own words beat the stream's where they are there; the user's beat both.
core::ColorDescription FfmpegDecoder::color_of(const AVFrame& frame) const {
    core::ColorDescription declared = to_color({.matrix = frame.colorspace,
                                                .range = frame.color_range,
                                                .primaries = frame.color_primaries,
                                                .transfer = frame.color_trc,
                                                .siting = frame.chroma_location});
    const core::ColorDescription& stream = stream_.color.value;
    if (declared.matrix == core::Matrix::unspecified) declared.matrix = stream.matrix;
    if (declared.range == core::Range::unspecified) declared.range = stream.range;
    if (declared.siting == core::ChromaSiting::unspecified) declared.siting = stream.siting;
    if (declared.primaries == 2) declared.primaries = stream.primaries;
    if (declared.transfer == 2) declared.transfer = stream.transfer;
    return resolve_with_override(declared, {}, user_color_).value;
}

device::Picture FfmpegDecoder::deliver(FrameHandle frame) const {
    const std::int64_t pts = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    const std::int64_t duration = frame_duration(*frame);
    const device::PictureFlags flags{
        .key = is_key(*frame),
        .corrupt = (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame->decode_error_flags != 0,
        .interlaced = is_interlaced(*frame)};
    const core::PictureDesc desc{.width = frame->width,
                                 .height = frame->height,
                                 .format = *to_pixel_format(static_cast<AVPixelFormat>(frame->format)),
                                 .color = color_of(*frame)};
    std::optional<device::Picture> picture = to_picture(std::move(frame), desc);
    assert(picture);
    picture->pts = pts;
    picture->duration = duration;
    picture->flags = flags;
    return std::move(*picture);
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options) {
    assert(format_context(source) != nullptr);
    return std::make_unique<FfmpegDecoder>(source, options);
}

}  // namespace millrace::media::ffmpeg
