#include "media/encoder.h"

#include <fmt/format.h>

#include <cassert>
#include <map>
#include <optional>

#include "core/error.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/encoder_context.h"
#include "media/ffmpeg/encoder_format.h"
#include "media/ffmpeg/nvidia/cuda_frames.h"

namespace millrace::media {

namespace {

using ffmpeg::CodecHandle;
using ffmpeg::FrameHandle;

class FfmpegEncoder final : public Encoder {
  public:
    explicit FfmpegEncoder(const EncoderSettings& settings)
        : picture_(settings.picture), context_(ffmpeg::open_encoder(settings)) {
        stream_.codec = avcodec_get_name(context_->codec_id);
        stream_.profile = context_->profile;
        stream_.level = context_->level;
        stream_.bit_rate = settings.request.bit_rate.value_or(0);
        if (context_->hw_frames_ctx != nullptr) gpu_frames_.emplace(settings.device, context_->hw_frames_ctx);
        const auto* extradata = reinterpret_cast<const std::byte*>(context_->extradata);
        stream_.extradata.assign(extradata, extradata + context_->extradata_size);
    }

    FfmpegEncoder(const FfmpegEncoder&) = delete;
    FfmpegEncoder& operator=(const FfmpegEncoder&) = delete;
    ~FfmpegEncoder() override {
        if (!ended_) ffmpeg::close_encoder(std::move(context_), sent_);
    }

    core::Feed send(const device::Picture& picture, FrameKind kind) override {
        assert(picture.desc.format == picture_.format && picture.desc.width == picture_.width &&
               picture.desc.height == picture_.height);
        FrameHandle frame =
            gpu_frames_ ? gpu_frames_->copy_of(picture) : ffmpeg::make_frame(picture, context_->pix_fmt);
        frame->pict_type = kind == FrameKind::key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
        frame->sample_aspect_ratio = context_->sample_aspect_ratio;
        const int result = avcodec_send_frame(context_.get(), frame.get());
        if (result == AVERROR(EAGAIN)) return core::Feed::full;
        if (result < 0) fail(result);
        durations_.emplace(picture.pts, picture.duration);
        ++sent_;
        return core::Feed::accepted;
    }

    void finish() override {
        const int result = avcodec_send_frame(context_.get(), nullptr);
        if (result < 0 && result != AVERROR_EOF) fail(result);
    }

    core::Receive receive(Packet& packet) override {
        ffmpeg::PacketHandle av = ffmpeg::allocate_packet();
        const int result = avcodec_receive_packet(context_.get(), av.get());
        if (result == AVERROR(EAGAIN)) return core::Receive::needs_input;
        if (result == AVERROR_EOF) {
            ended_ = true;
            return core::Receive::end;
        }
        if (result < 0) fail(result);
        const auto found = durations_.find(av->pts);
        if (found == durations_.end()) {
            throw core::Error(
                core::ErrorCode::failed,
                fmt::format("{} gave a packet with pts {}, and no picture had that", context_->codec->name, av->pts));
        }
        av->duration = found->second;
        durations_.erase(found);
        av->stream_index = 0;
        packet = ffmpeg::to_packet(std::move(av));
        return core::Receive::ready;
    }

    [[nodiscard]] const EncodedStream& stream() const override { return stream_; }

  private:
    [[noreturn]] void fail(int result) const {
        throw core::Error(core::ErrorCode::failed, fmt::format("{} failed while encoding: {}", context_->codec->name,
                                                               ffmpeg::error_text(result)));
    }

    core::PictureDesc picture_;
    std::multimap<std::int64_t, std::int64_t> durations_;  // by pts, of pictures whose packets are not out
    EncodedStream stream_;
    std::int64_t sent_ = 0;
    bool ended_ = false;
    std::optional<ffmpeg::CudaFrames> gpu_frames_;
    CodecHandle context_;  // last: closing it releases pictures
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(const EncoderSettings& settings) {
    return std::make_unique<FfmpegEncoder>(settings);
}

}  // namespace millrace::media
