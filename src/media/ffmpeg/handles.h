#pragma once
// FFmpeg's objects with owners. The only header that names FFmpeg's own headers; nothing outside src/media/ffmpeg
// includes it.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
}

#include <memory>

namespace millrace::media::ffmpeg {

/// Deletes by FFmpeg's usual `free(T**)`.
template <class T, void (*Free)(T**)>
struct FreeByAddress {
    void operator()(T* object) const noexcept { Free(&object); }
};

/// Deletes by `free(T*)`.
template <class T, void (*Free)(T*)>
struct FreeByValue {
    void operator()(T* object) const noexcept { Free(object); }
};

template <class T, void (*Free)(T**)>
using UniqueHandle = std::unique_ptr<T, FreeByAddress<T, Free>>;

using DemuxerHandle = UniqueHandle<AVFormatContext, avformat_close_input>;
using CodecHandle = UniqueHandle<AVCodecContext, avcodec_free_context>;
using ParametersHandle = UniqueHandle<AVCodecParameters, avcodec_parameters_free>;
using ParserHandle = std::unique_ptr<AVCodecParserContext, FreeByValue<AVCodecParserContext, av_parser_close>>;
using BitstreamFilterHandle = UniqueHandle<AVBSFContext, av_bsf_free>;
using PacketHandle = UniqueHandle<AVPacket, av_packet_free>;
using FrameHandle = UniqueHandle<AVFrame, av_frame_free>;
using DictionaryHandle = UniqueHandle<AVDictionary, av_dict_free>;
using FilterGraphHandle = UniqueHandle<AVFilterGraph, avfilter_graph_free>;
using ScalerHandle = std::unique_ptr<SwsContext, FreeByValue<SwsContext, sws_freeContext>>;
/// An output context; whoever opened its `pb` closes that first.
using MuxerHandle = std::unique_ptr<AVFormatContext, FreeByValue<AVFormatContext, avformat_free_context>>;

/// Never null: throws std::bad_alloc.
[[nodiscard]] PacketHandle allocate_packet();
[[nodiscard]] FrameHandle allocate_frame();

}  // namespace millrace::media::ffmpeg
