#include "media/ffmpeg/sink_text.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "core/error.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

namespace {

CodecHandle open_decoder(const AVStream& from) {
    const AVCodec* codec = avcodec_find_decoder(from.codecpar->codec_id);
    CodecHandle context(codec == nullptr ? nullptr : avcodec_alloc_context3(codec));
    if (!context) return nullptr;
    avcodec_parameters_to_context(context.get(), from.codecpar);
    context->pkt_timebase = from.time_base;
    context->time_base = from.time_base;
    return avcodec_open2(context.get(), codec, nullptr) < 0 ? nullptr : std::move(context);
}

CodecHandle open_encoder(const AVCodecContext& decoder, AVCodecID to) {
    const AVCodec* codec = avcodec_find_encoder(to);
    CodecHandle context(codec == nullptr ? nullptr : avcodec_alloc_context3(codec));
    if (!context) return nullptr;
    context->time_base = {1, 1000};
    if (decoder.subtitle_header_size > 0) {  // the styles that encoders of ASS events read
        const auto size = static_cast<std::size_t>(decoder.subtitle_header_size);
        context->subtitle_header = static_cast<std::uint8_t*>(av_mallocz(size + 1));
        if (context->subtitle_header == nullptr) throw std::bad_alloc();
        std::memcpy(context->subtitle_header, decoder.subtitle_header, size);
        context->subtitle_header_size = decoder.subtitle_header_size;
    }
    return avcodec_open2(context.get(), codec, nullptr) < 0 ? nullptr : std::move(context);
}

}  // namespace

TextConverter::TextConverter(const AVStream& from, AVCodecID to) : buffer_(1 << 16) {
    decoder_ = open_decoder(from);
    if (decoder_) encoder_ = open_encoder(*decoder_, to);
    if (encoder_) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("the installed FFmpeg cannot turn {} subtitles into {}",
                                  avcodec_get_name(from.codecpar->codec_id), avcodec_get_name(to)));
}

void TextConverter::describe(AVCodecParameters& parameters) const {
    avcodec_parameters_from_context(&parameters, encoder_.get());
    parameters.codec_tag = 0;
}

PacketHandle TextConverter::convert(const AVPacket& packet) {
    AVSubtitle subtitle{};
    int got = 0;
    const int used = avcodec_decode_subtitle2(decoder_.get(), &subtitle, &got, const_cast<AVPacket*>(&packet));
    int bytes = 0;
    if (used >= 0 && got != 0 && subtitle.num_rects > 0) {
        bytes = avcodec_encode_subtitle(encoder_.get(), buffer_.data(), static_cast<int>(buffer_.size()), &subtitle);
    }
    avsubtitle_free(&subtitle);
    if (bytes <= 0) return nullptr;
    PacketHandle out = allocate_packet();
    if (av_new_packet(out.get(), bytes) < 0) throw std::bad_alloc();
    std::memcpy(out->data, buffer_.data(), static_cast<std::size_t>(bytes));
    out->pts = packet.pts;
    out->dts = packet.pts;
    out->duration = packet.duration;
    out->flags |= AV_PKT_FLAG_KEY;
    return out;
}

}  // namespace millrace::media::ffmpeg
