#include "media/ffmpeg/stream_headers.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>
#include <string_view>

#include "media/ffmpeg/log_capture.h"

namespace millrace::media::ffmpeg {

namespace {

constexpr int most_packets = 64;

bool is_matroska(const AVFormatContext& context) {
    return std::string_view(context.iformat->name).starts_with("matroska");
}

// H.264 with its parameter sets in an avcC record, and VP9.
bool needs_description(const AVStream& stream) {
    const AVCodecParameters& parameters = *stream.codecpar;
    if ((stream.disposition & AV_DISPOSITION_ATTACHED_PIC) != 0 || parameters.format >= 0) return false;
    if (parameters.codec_id == AV_CODEC_ID_VP9) return true;
    constexpr int smallest_avcc = 7;
    return parameters.codec_id == AV_CODEC_ID_H264 && parameters.extradata_size >= smallest_avcc &&
           parameters.extradata[0] == 1;
}

// Decoders ask for a picture's memory when they have read its headers, and give up without.
int refuse_memory(AVCodecContext*, AVFrame*, int) { return AVERROR(ENOMEM); }

CodecHandle open_for_headers(const AVCodecParameters& parameters) {
    const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
    if (codec == nullptr) return nullptr;
    CodecHandle context(avcodec_alloc_context3(codec));
    if (!context || avcodec_parameters_to_context(context.get(), &parameters) < 0) throw std::bad_alloc();
    context->thread_count = 1;
    context->get_buffer2 = refuse_memory;
    if (avcodec_open2(context.get(), codec, nullptr) < 0) return nullptr;
    return context;
}

// Which of two that disagree wins is up to libavformat's version: then it has its way.
bool agree_on_color(const AVCodecParameters& container, const AVCodecParameters& stream) {
    const auto agree = [](int said, int found, int unspecified) { return said == unspecified || said == found; };
    return agree(container.color_space, stream.color_space, AVCOL_SPC_UNSPECIFIED) &&
           agree(container.color_range, stream.color_range, AVCOL_RANGE_UNSPECIFIED) &&
           agree(container.color_primaries, stream.color_primaries, AVCOL_PRI_UNSPECIFIED) &&
           agree(container.color_trc, stream.color_trc, AVCOL_TRC_UNSPECIFIED) &&
           agree(container.chroma_location, stream.chroma_location, AVCHROMA_LOC_UNSPECIFIED);
}

// `packet` is a key frame of a stream with `parameters`, which become what a decoder makes of its headers.
bool describe(const AVPacket& packet, AVCodecParameters& parameters, bool delay_matters) {
    const CodecHandle codec = open_for_headers(parameters);
    if (!codec) return false;
    // Matroska keeps no decoding times: libavformat makes them, by decoding, where parameter sets do not tell how far
    // pictures are reordered.
    if (delay_matters && codec->has_b_frames == 0) return false;
    avcodec_send_packet(codec.get(), &packet);  // fails behind the headers
    const ParametersHandle found(avcodec_parameters_alloc());
    if (!found || avcodec_parameters_from_context(found.get(), codec.get()) < 0) throw std::bad_alloc();
    if (found->format < 0 || found->width <= 0 || !agree_on_color(parameters, *found)) return false;
    if (avcodec_parameters_copy(&parameters, found.get()) < 0) throw std::bad_alloc();
    return true;
}

// The same file once more, of which only `wanted` streams are read. Null where it is not as it was.
DemuxerHandle open_beside(const AVFormatContext& context, const std::string& url, const std::vector<bool>& wanted) {
    AVFormatContext* raw = nullptr;
    if (avformat_open_input(&raw, url.c_str(), context.iformat, nullptr) < 0) return nullptr;
    DemuxerHandle beside(raw);
    if (raw->nb_streams != context.nb_streams) return nullptr;
    for (unsigned i = 0; i < raw->nb_streams; ++i) {
        if (!wanted[i]) raw->streams[i]->discard = AVDISCARD_ALL;
    }
    return beside;
}

}  // namespace

bool header_tells_all(const AVFormatContext& context) {
    const std::string_view format = context.iformat->name;
    const bool tables = format.starts_with("mov") || is_matroska(context);
    return tables && (context.ctx_flags & AVFMTCTX_NOHEADER) == 0;
}

std::vector<bool> describe_by_headers(AVFormatContext& context, const std::string& url) {
    std::vector<bool> described(context.nb_streams, false);
    if (!header_tells_all(context) || context.pb == nullptr || (context.pb->seekable & AVIO_SEEKABLE_NORMAL) == 0) {
        return described;
    }
    std::vector<bool> wanted(context.nb_streams, false);
    for (unsigned i = 0; i < context.nb_streams; ++i) wanted[i] = needs_description(*context.streams[i]);
    auto left = std::ranges::count(wanted, true);
    if (left == 0) return described;
    const DemuxerHandle beside = open_beside(context, url, wanted);
    for (int packets = 0; beside && left > 0 && packets < most_packets; ++packets) {
        const PacketHandle packet = allocate_packet();
        if (av_read_frame(beside.get(), packet.get()) < 0) break;
        const auto stream = static_cast<std::size_t>(packet->stream_index);
        if (!wanted[stream] || packet->size == 0) continue;
        wanted[stream] = false;
        --left;
        AVCodecParameters& parameters = *context.streams[stream]->codecpar;
        const bool delay_matters = is_matroska(context) && parameters.codec_id == AV_CODEC_ID_H264;
        const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
        described[stream] = key && describe(*packet, parameters, delay_matters);
    }
    return described;
}

AVRational rate_in_headers(const AVStream& stream, const AVPacket& first) {
    const LogCapture complaints;  // of having no memory: no damage of the file's
    const CodecHandle codec = open_for_headers(*stream.codecpar);
    if (!codec) return {0, 1};
    codec->framerate = {0, 1};                 // what libavformat made up
    avcodec_send_packet(codec.get(), &first);  // fails behind the headers
    return codec->framerate.num > 0 ? codec->framerate : AVRational{0, 1};
}

int find_stream_info(AVFormatContext& context, const std::vector<bool>& described) {
    std::vector<AVDictionary*> options(context.nb_streams, nullptr);
    for (unsigned i = 0; i < context.nb_streams; ++i) {
        if (context.streams[i]->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
        if (i < described.size() && described[i]) {
            av_dict_set(&options[i], "skip_frame", "all", 0);
        } else {
            // Nobody sees these pictures: what costs most of their time and changes no description is left out.
            av_dict_set(&options[i], "skip_loop_filter", "all", 0);
            av_dict_set(&options[i], "skip_idct", "all", 0);
        }
    }
    const int found = avformat_find_stream_info(&context, options.empty() ? nullptr : options.data());
    for (AVDictionary*& left : options) av_dict_free(&left);
    return found;
}

}  // namespace millrace::media::ffmpeg
