#include "media/ffmpeg/codec.h"

#include <fmt/core.h>

#include <algorithm>
#include <new>

#include "core/error.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

CodecHandle open_video_decoder(const std::string& path, const AVStream& stream, int threads) {
    using core::Error;
    using core::ErrorCode;
    const AVCodecID id = stream.codecpar->codec_id;
    const AVCodec* codec = avcodec_find_decoder(id);
    if (codec == nullptr) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{}: the installed FFmpeg has no decoder for its video codec ({})", path,
                                avcodec_get_name(id)));
    }
    CodecHandle context(avcodec_alloc_context3(codec));
    if (!context || avcodec_parameters_to_context(context.get(), stream.codecpar) < 0) throw std::bad_alloc();
    context->pkt_timebase = stream.time_base;
    context->thread_count = std::max(1, threads);
    context->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
    const int opened = avcodec_open2(context.get(), codec, nullptr);
    if (opened < 0) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: the decoder {} does not take its video stream: {}", path,
                                                      codec->name, error_text(opened)));
    }
    return context;
}

bool is_key(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
    return (frame.flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame.key_frame != 0;
#endif
}

bool is_interlaced(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
    return (frame.flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    return frame.interlaced_frame != 0;
#endif
}

HdrMetadata frame_hdr(const AVFrame& frame) {
    const auto data = [&frame](AVFrameSideDataType type) -> const void* {
        const AVFrameSideData* side = av_frame_get_side_data(&frame, type);
        return side == nullptr ? nullptr : side->data;
    };
    return to_hdr(static_cast<const AVMasteringDisplayMetadata*>(data(AV_FRAME_DATA_MASTERING_DISPLAY_METADATA)),
                  static_cast<const AVContentLightMetadata*>(data(AV_FRAME_DATA_CONTENT_LIGHT_LEVEL)));
}

}  // namespace millrace::media::ffmpeg
