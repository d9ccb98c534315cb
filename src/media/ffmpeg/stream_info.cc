#include "media/ffmpeg/stream_info.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

#include <array>
#include <cmath>
#include <utility>

#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/repack.h"

namespace millrace::media::ffmpeg {

namespace {

MediaKind to_kind(const AVCodecParameters& parameters) {
    switch (parameters.codec_type) {
        case AVMEDIA_TYPE_VIDEO:
            return MediaKind::video;
        case AVMEDIA_TYPE_AUDIO:
            return MediaKind::audio;
        case AVMEDIA_TYPE_SUBTITLE:
            return MediaKind::subtitle;
        case AVMEDIA_TYPE_ATTACHMENT:
            return MediaKind::attachment;
        default:
            return MediaKind::data;
    }
}

std::vector<std::string> disposition_names(int dispositions) {
    constexpr std::array<std::pair<int, const char*>, 17> names{{
        {AV_DISPOSITION_DEFAULT, "default"},
        {AV_DISPOSITION_DUB, "dub"},
        {AV_DISPOSITION_ORIGINAL, "original"},
        {AV_DISPOSITION_COMMENT, "comment"},
        {AV_DISPOSITION_LYRICS, "lyrics"},
        {AV_DISPOSITION_KARAOKE, "karaoke"},
        {AV_DISPOSITION_FORCED, "forced"},
        {AV_DISPOSITION_HEARING_IMPAIRED, "hearing_impaired"},
        {AV_DISPOSITION_VISUAL_IMPAIRED, "visual_impaired"},
        {AV_DISPOSITION_CLEAN_EFFECTS, "clean_effects"},
        {AV_DISPOSITION_ATTACHED_PIC, "attached_pic"},
        {AV_DISPOSITION_TIMED_THUMBNAILS, "timed_thumbnails"},
        {AV_DISPOSITION_CAPTIONS, "captions"},
        {AV_DISPOSITION_DESCRIPTIONS, "descriptions"},
        {AV_DISPOSITION_METADATA, "metadata"},
        {AV_DISPOSITION_DEPENDENT, "dependent"},
        {AV_DISPOSITION_STILL_IMAGE, "still_image"},
    }};
    std::vector<std::string> out;
    for (const auto& [bit, text] : names) {
        if ((dispositions & bit) != 0) out.emplace_back(text);
    }
    return out;
}

// av_display_rotation_get() counts counter-clockwise.
double clockwise_rotation(const AVStream& stream) {
    const std::uint8_t* data = stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX);
    if (data == nullptr) return 0;
    const double counter = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(data));
    if (std::isnan(counter)) return 0;
    const double clockwise = std::fmod(-counter + 360.0, 360.0);
    return clockwise == 0 ? 0 : clockwise;
}

core::ColorDescription declared_color(const AVCodecParameters& parameters) {
    return to_color({.matrix = parameters.color_space,
                     .range = parameters.color_range,
                     .primaries = parameters.color_primaries,
                     .transfer = parameters.color_trc,
                     .siting = parameters.chroma_location});
}

void describe_video(const AVStream& stream, const core::ColorDescription& user, StreamInfo& info) {
    const AVCodecParameters& parameters = *stream.codecpar;
    const auto format = static_cast<AVPixelFormat>(parameters.format);
    if (const char* text = av_get_pix_fmt_name(format)) info.pixel_format = text;
    const Delivery delivery = choose_delivery(format);
    info.repack_note = delivery.note;
    info.color = resolve_with_override(declared_color(parameters),
                                       color_context(parameters.codec_id, format, parameters.height), user);
    info.picture = {
        .width = parameters.width, .height = parameters.height, .format = delivery.format, .color = info.color.value};
    info.average_frame_rate = to_rational(stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate : stream.r_frame_rate);
    const AVRational aspect =
        stream.sample_aspect_ratio.num != 0 ? stream.sample_aspect_ratio : parameters.sample_aspect_ratio;
    info.sample_aspect_ratio = to_rational(aspect);
    info.rotation = clockwise_rotation(stream);
    info.interlaced = parameters.field_order > AV_FIELD_PROGRESSIVE;
    info.attached_picture = (stream.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) != 0;
    const auto* mastering = stream_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA);
    const auto* light = stream_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL);
    info.hdr = to_hdr(reinterpret_cast<const AVMasteringDisplayMetadata*>(mastering),
                      reinterpret_cast<const AVContentLightMetadata*>(light));
}

template <class T>
void put(T& value, core::ColorOrigin& origin, T user, T missing) {
    if (user == missing) return;
    value = user;
    origin = core::ColorOrigin::user;
}

}  // namespace

const std::uint8_t* stream_side_data(const AVStream& stream, AVPacketSideDataType type) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVCodecParameters& parameters = *stream.codecpar;
    const AVPacketSideData* data =
        av_packet_side_data_get(parameters.coded_side_data, parameters.nb_coded_side_data, type);
    return data == nullptr ? nullptr : data->data;
#else
    return av_stream_get_side_data(&stream, type, nullptr);
#endif
}

std::map<std::string, std::string> to_map(const AVDictionary* dictionary) {
    std::map<std::string, std::string> out;
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr)
        out[entry->key] = entry->value;
    return out;
}

core::ResolvedColor resolve_with_override(const core::ColorDescription& declared, const core::ColorContext& context,
                                          const core::ColorDescription& user) {
    core::ResolvedColor out = core::resolve_color(declared, context);
    constexpr std::uint8_t unspecified = 2;
    put(out.value.matrix, out.matrix_from, user.matrix, core::Matrix::unspecified);
    put(out.value.range, out.range_from, user.range, core::Range::unspecified);
    put(out.value.siting, out.siting_from, user.siting, core::ChromaSiting::unspecified);
    put(out.value.primaries, out.primaries_from, user.primaries, unspecified);
    put(out.value.transfer, out.transfer_from, user.transfer, unspecified);
    return out;
}

core::ColorContext color_context(AVCodecID codec, AVPixelFormat format, int height) {
    const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format);
    core::ColorContext out;
    out.height = height;
    out.rgb = desc != nullptr && (desc->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
    out.centered_chroma = codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MJPEG;
    out.full_range = is_full_range_format(format);
    return out;
}

StreamInfo describe_stream(const AVStream& stream, const core::ColorDescription& color_override) {
    const AVCodecParameters& parameters = *stream.codecpar;
    StreamInfo info;
    info.index = stream.index;
    info.kind = to_kind(parameters);
    info.codec = avcodec_get_name(parameters.codec_id);
    if (const char* profile = avcodec_profile_name(parameters.codec_id, parameters.profile)) info.profile = profile;
    info.time_base = to_rational(stream.time_base);
    info.start_pts = stream.start_time;
    info.duration = stream.duration;
    info.frame_count = stream.nb_frames;
    info.bit_rate = parameters.bit_rate;
    info.metadata = to_map(stream.metadata);
    info.dispositions = disposition_names(stream.disposition);
    if (info.kind == MediaKind::video) describe_video(stream, color_override, info);
    if (info.kind == MediaKind::audio) {
        info.sample_rate = parameters.sample_rate;
        info.channels = parameters.ch_layout.nb_channels;
    }
    return info;
}

}  // namespace millrace::media::ffmpeg
