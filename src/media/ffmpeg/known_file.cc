#include "media/ffmpeg/known_file.h"

#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "media/ffmpeg/stream_headers.h"

namespace millrace::media {

namespace {

// What the header says of a stream, beside what is known of it. Looking may have added what the header lacks.
bool agree(const AVCodecParameters& header, const AVCodecParameters& known) {
    const bool same_size = header.extradata_size == known.extradata_size;
    return header.codec_type == known.codec_type && header.codec_id == known.codec_id &&
           header.codec_tag == known.codec_tag && same_size &&
           (header.extradata_size == 0 ||
            std::memcmp(header.extradata, known.extradata, static_cast<std::size_t>(header.extradata_size)) == 0);
}

// Where decoding a picture tells libavformat nothing that it would not know without: H.264 may leave open how far
// pictures are reordered, from which decoding times are made where a container has none.
bool needs_no_picture(const AVFormatContext& context, const AVStream& stream) {
    if (!ffmpeg::header_tells_all(context)) return false;
    switch (stream.codecpar->codec_id) {
        case AV_CODEC_ID_HEVC:
        case AV_CODEC_ID_VP8:
        case AV_CODEC_ID_VP9:
        case AV_CODEC_ID_AV1:
            return true;
        case AV_CODEC_ID_H264:
            return std::string_view(context.iformat->name).starts_with("mov");
        default:
            return false;
    }
}

}  // namespace

KnownFile::KnownFile(const AVFormatContext& context, SourceInfo info, SourceOptions options,
                     std::vector<bool> described)
    : info_(std::move(info)), options_(std::move(options)), described_(std::move(described)) {
    described_.resize(context.nb_streams);
    if (ffmpeg::header_tells_all(context)) demuxer_ = context.iformat;
    for (unsigned i = 0; i < context.nb_streams; ++i) {
        const AVStream& stream = *context.streams[i];
        ffmpeg::ParametersHandle parameters(avcodec_parameters_alloc());
        if (!parameters || avcodec_parameters_copy(parameters.get(), stream.codecpar) < 0) throw std::bad_alloc();
        streams_.push_back({std::move(parameters), stream.avg_frame_rate, stream.r_frame_rate});
        if (needs_no_picture(context, stream)) described_[i] = true;
    }
}

bool KnownFile::describes(const AVFormatContext& context) const {
    if (!ffmpeg::header_tells_all(context) || context.iformat->name != info_.format) return false;
    if (context.nb_streams != streams_.size()) return false;
    if (context.pb == nullptr || avio_size(context.pb) != info_.size_bytes) return false;
    for (unsigned i = 0; i < context.nb_streams; ++i) {
        if (!agree(*context.streams[i]->codecpar, *streams_[i].parameters)) return false;
    }
    return true;
}

bool KnownFile::apply(AVFormatContext& context, const SourceOptions& options) const {
    const bool same_wish = options.path == options_.path && options.video_ordinal == options_.video_ordinal &&
                           options.color_override == options_.color_override;
    if (!same_wish || !describes(context)) return false;
    for (unsigned i = 0; i < context.nb_streams; ++i) {
        AVStream& stream = *context.streams[i];
        if (avcodec_parameters_copy(stream.codecpar, streams_[i].parameters.get()) < 0) throw std::bad_alloc();
        stream.avg_frame_rate = streams_[i].average_rate;
        stream.r_frame_rate = streams_[i].rate;
    }
    return true;
}

}  // namespace millrace::media
