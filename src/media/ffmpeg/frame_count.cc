#include "media/ffmpeg/frame_count.h"

extern "C" {
#include <libavutil/opt.h>
}

#include "core/rational.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

// Formats without times are those whose demuxers have ffmpeg's -framerate. It is read as text: FFmpeg 5.1 gives no
// number of an option of this type.
std::optional<AVRational> made_up_rate(const AVFormatContext& context) {
    if (context.iformat->priv_class == nullptr || context.priv_data == nullptr) return std::nullopt;
    std::uint8_t* text = nullptr;
    if (av_opt_get(context.priv_data, "framerate", 0, &text) < 0 || text == nullptr) return std::nullopt;
    const std::optional<core::Rational> rate = core::parse_rate(reinterpret_cast<const char*>(text));
    av_free(text);
    return rate ? std::optional(to_av(*rate)) : std::nullopt;
}

bool reorders(const AVStream& stream) {
    const AVCodecDescriptor* codec = avcodec_descriptor_get(stream.codecpar->codec_id);
    return codec == nullptr || (codec->props & AV_CODEC_PROP_REORDER) != 0;
}

FrameCount::FrameCount(const AVStream& stream, AVRational made_up)
    : time_base_(stream.time_base),
      frame_(av_inv_q(made_up)),
      known_(!reorders(stream) && av_cmp_q(stream.avg_frame_rate, made_up) == 0) {}

void FrameCount::set_times(AVPacket& packet) const {
    const auto number = [this](std::int64_t ticks) {
        return known_ && ticks != AV_NOPTS_VALUE ? av_rescale_q(ticks, time_base_, frame_) : AV_NOPTS_VALUE;
    };
    packet.pts = number(packet.pts);
    packet.dts = number(packet.dts);
    packet.duration = 1;
}

std::int64_t FrameCount::to_ticks(std::int64_t number) const { return av_rescale_q(number, frame_, time_base_); }

}  // namespace millrace::media::ffmpeg
