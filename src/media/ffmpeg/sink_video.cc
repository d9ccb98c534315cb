#include "media/ffmpeg/sink_video.h"

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/display.h>
}

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>

#include "core/error.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/sink_metadata.h"
#include "media/ffmpeg/source_access.h"
#include "media/ffmpeg/stream_info.h"

namespace millrace::media::ffmpeg {

namespace {

void set_extradata(AVCodecParameters& parameters, const std::vector<std::byte>& extradata) {
    if (extradata.empty()) return;
    parameters.extradata = static_cast<std::uint8_t*>(av_mallocz(extradata.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    if (parameters.extradata == nullptr) throw std::bad_alloc();
    std::memcpy(parameters.extradata, extradata.data(), extradata.size());
    parameters.extradata_size = static_cast<int>(extradata.size());
}

unsigned codec_tag(const Container& container, const EncodedStream& stream) {
    const bool quicktime = container.muxer == "mp4" || container.muxer == "mov";
    // Parameter sets lie in the sample description alone, which is what hvc1 says; players of Apple's want it.
    if (stream.codec == "hevc" && quicktime) return MKTAG('h', 'v', 'c', '1');
    if (stream.codec == "prores" && stream.profile >= 0 && stream.profile <= 5) {
        constexpr std::array<unsigned, 6> tags{MKTAG('a', 'p', 'c', 'o'), MKTAG('a', 'p', 'c', 's'),
                                               MKTAG('a', 'p', 'c', 'n'), MKTAG('a', 'p', 'c', 'h'),
                                               MKTAG('a', 'p', '4', 'h'), MKTAG('a', 'p', '4', 'x')};
        return tags.at(static_cast<std::size_t>(stream.profile));
    }
    return 0;
}

void set_parameters(AVStream& stream, const Container& container, const SinkVideo& video) {
    AVCodecParameters& parameters = *stream.codecpar;
    const AVCodecDescriptor* descriptor = avcodec_descriptor_get_by_name(video.stream.codec.c_str());
    if (descriptor == nullptr) {
        throw core::Error(core::ErrorCode::usage, fmt::format("FFmpeg knows no codec named {}", video.stream.codec));
    }
    parameters.codec_type = AVMEDIA_TYPE_VIDEO;
    parameters.codec_id = descriptor->id;
    parameters.codec_tag = codec_tag(container, video.stream);
    parameters.width = video.picture.width;
    parameters.height = video.picture.height;
    parameters.format = to_av(video.picture.format);
    parameters.profile = video.stream.profile;
    parameters.level = video.stream.level;
    parameters.bit_rate = video.stream.bit_rate;
    parameters.video_delay = video.reorder;
    parameters.field_order = AV_FIELD_PROGRESSIVE;
    const AvColor color = to_av(video.picture.color);
    parameters.color_space = color.matrix;
    parameters.color_range = color.range;
    parameters.color_primaries = color.primaries;
    parameters.color_trc = color.transfer;
    const bool subsampled =
        video.picture.format.family == core::ColorFamily::yuv && video.picture.format.log2_chroma_w > 0;
    if (subsampled) parameters.chroma_location = color.siting;
    set_extradata(parameters, video.stream.extradata);
    parameters.sample_aspect_ratio = to_av(video.sample_aspect_ratio);
    stream.sample_aspect_ratio = parameters.sample_aspect_ratio;
    stream.time_base = to_av(video.time_base);
    stream.avg_frame_rate = to_av(video.frame_rate);
}

void set_hdr(AVStream& stream, const HdrMetadata& hdr) {
    if (hdr.mastering) {
        const AVMasteringDisplayMetadata mastering = to_av(*hdr.mastering);
        set_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &mastering, sizeof mastering);
    }
    if (hdr.light) {
        const AVContentLightMetadata light = to_av(*hdr.light);
        set_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &light, sizeof light);
    }
}

/// Whether this FFmpeg's muxer writes a display matrix: Matroska's since libavformat 60.18.
bool holds_matrix(const Container& container) {
    const bool matroska = container.muxer == "matroska" || container.muxer == "webm";
    return container.muxer == "mp4" || container.muxer == "mov" ||
           (matroska && avformat_version() >= AV_VERSION_INT(60, 18, 100));
}

/// nullopt: there is none.
std::optional<std::array<std::int32_t, 9>> display_matrix(const AVStream& stream) {
    const std::uint8_t* data = stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX);
    if (data == nullptr) return std::nullopt;
    std::array<std::int32_t, 9> matrix{};
    std::memcpy(matrix.data(), data, sizeof matrix);
    return matrix;
}

void copy_matrix(AVStream& stream, const Container& container, const AVStream& from) {
    auto found = display_matrix(from);
    if (!found || !holds_matrix(container)) return;
    std::array<std::int32_t, 9>& matrix = *found;
    const double angle = av_display_rotation_get(matrix.data());
    // Its translation is in pixels of the source.
    const auto scaled = [](std::int32_t value, int to, int by) {
        return by > 0 ? static_cast<std::int32_t>(std::int64_t{value} * to / by) : value;
    };
    const bool turned = std::abs(std::abs(angle) - 90) < 1;
    const AVCodecParameters& old = *from.codecpar;
    const AVCodecParameters& now = *stream.codecpar;
    matrix[6] = turned ? scaled(matrix[6], now.height, old.height) : scaled(matrix[6], now.width, old.width);
    matrix[7] = turned ? scaled(matrix[7], now.width, old.width) : scaled(matrix[7], now.height, old.height);
    set_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, matrix.data(), sizeof matrix);
}

void copy_from_source(AVStream& stream, const Container& container, const AVStream& from) {
    copy_metadata(stream.metadata, from.metadata);
    stream.disposition = from.disposition;
    copy_matrix(stream, container, from);
    for (const AVPacketSideDataType type : {AV_PKT_DATA_STEREO3D, AV_PKT_DATA_SPHERICAL}) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
        const AVPacketSideData* found =
            av_packet_side_data_get(from.codecpar->coded_side_data, from.codecpar->nb_coded_side_data, type);
        if (found != nullptr) set_side_data(stream, type, found->data, found->size);
#else
        std::size_t bytes = 0;
        const std::uint8_t* data = av_stream_get_side_data(&from, type, &bytes);
        if (data != nullptr) set_side_data(stream, type, data, bytes);
#endif
    }
}

}  // namespace

std::vector<CopyNote> lost_of_video(const Container& container, const AVStream& from) {
    std::vector<CopyNote> lost;
    const auto matrix = display_matrix(from);
    const double angle = matrix ? av_display_rotation_get(matrix->data()) : 0;
    if (!holds_matrix(container) && std::abs(angle) >= 0.5) {  // NaN is none
        lost.push_back(
            {.stream = from.index,
             .loss = true,
             .text = fmt::format("rotation by {:g} degrees: {} of this FFmpeg holds none", -angle, container.muxer)});
    }
    if (stream_side_data(from, AV_PKT_DATA_DOVI_CONF) != nullptr) {
        lost.push_back({.stream = from.index, .loss = true, .text = "Dolby Vision metadata: not carried over"});
    }
    return lost;
}

AVStream& add_video_stream(AVFormatContext& output, const Container& container, const SinkVideo& video,
                           const Source* source) {
    AVStream* stream = avformat_new_stream(&output, nullptr);
    if (stream == nullptr) throw std::bad_alloc();
    set_parameters(*stream, container, video);
    set_hdr(*stream, video.hdr);
    const AVFormatContext* from = source == nullptr ? nullptr : format_context(*source);
    if (from != nullptr) copy_from_source(*stream, container, *from->streams[source->info().video]);
    return *stream;
}

BitstreamFilterHandle make_parameter_set_filter(const Container& container, const AVStream& stream) {
    const AVCodecID codec = stream.codecpar->codec_id;
    const bool has_sets = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
    if (!container.parameter_sets_in_band || !has_sets) return nullptr;
    AVBSFContext* raw = nullptr;
    if (av_bsf_alloc(av_bsf_get_by_name("dump_extra"), &raw) < 0) throw std::bad_alloc();
    BitstreamFilterHandle filter(raw);
    avcodec_parameters_copy(filter->par_in, stream.codecpar);
    filter->time_base_in = stream.time_base;
    const int result = av_bsf_init(filter.get());
    if (result < 0) throw core::Error(core::ErrorCode::failed, fmt::format("dump_extra: {}", error_text(result)));
    return filter;
}

}  // namespace millrace::media::ffmpeg
