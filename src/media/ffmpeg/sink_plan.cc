// Which streams of the source get a stream in the output, and what becomes of the others.

#include <fmt/format.h>

extern "C" {
#include <libavutil/dict.h>
}

#include <cstring>
#include <new>

#include "media/ffmpeg/sink_copy.h"
#include "media/ffmpeg/sink_metadata.h"
#include "media/ffmpeg/source_access.h"

namespace millrace::media::ffmpeg {

namespace {

bool is_text(AVCodecID codec) {
    const AVCodecDescriptor* descriptor = avcodec_descriptor_get(codec);
    return descriptor != nullptr && (descriptor->props & AV_CODEC_PROP_TEXT_SUB) != 0;
}

/// The codec that a container asks text subtitles to be; the stream's own where it may stay.
AVCodecID text_codec(TextForm form, AVCodecID own) {
    switch (form) {
        case TextForm::mov_text:
            return AV_CODEC_ID_MOV_TEXT;
        case TextForm::webvtt:
            return AV_CODEC_ID_WEBVTT;
        case TextForm::any:
            return own == AV_CODEC_ID_MOV_TEXT ? AV_CODEC_ID_SUBRIP : own;
        case TextForm::none:
            break;
    }
    return AV_CODEC_ID_NONE;
}

void keep_tag_if_known(AVCodecParameters& parameters, const AVOutputFormat& format) {
    if (format.codec_tag == nullptr) return;
    unsigned other = 0;
    const bool same = av_codec_get_id(format.codec_tag, parameters.codec_tag) == parameters.codec_id;
    if (!same && av_codec_get_tag2(format.codec_tag, parameters.codec_id, &other) != 0) parameters.codec_tag = 0;
}

void copy_side_data(AVStream& to, const AVStream& from) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    (void)to;
    (void)from;  // part of the codec parameters
#else
    for (int i = 0; i < from.nb_side_data; ++i) {
        set_side_data(to, from.side_data[i].type, from.side_data[i].data, from.side_data[i].size);
    }
#endif
}

class Planner {
  public:
    Planner(AVFormatContext& output, const Container& container, const CopyOptions& options)
        : output_(output), container_(container), options_(options) {}

    void add(const AVStream& stream, bool chapters);
    CopyPlan take() { return std::move(plan_); }

  private:
    void note(const AVStream& stream, bool loss, const std::string& text) {
        plan_.notes.push_back({.stream = stream.index, .loss = loss, .text = describe(stream) + ": " + text});
    }
    void drop(const AVStream& stream) { note(stream, true, fmt::format("{} holds none, dropped", container_.muxer)); }

    AVStream& new_stream(const AVStream& from);
    void copy(const AVStream& stream);
    void add_cover(const AVStream& stream);
    void add_attachment(const AVStream& stream);
    void add_subtitle(const AVStream& stream);
    void add_data(const AVStream& stream, bool chapters);

    AVFormatContext& output_;
    const Container& container_;
    const CopyOptions& options_;
    CopyPlan plan_;
};

AVStream& Planner::new_stream(const AVStream& from) {
    AVStream* to = avformat_new_stream(&output_, nullptr);
    if (to == nullptr || avcodec_parameters_copy(to->codecpar, from.codecpar) < 0) throw std::bad_alloc();
    keep_tag_if_known(*to->codecpar, *output_.oformat);
    to->time_base = from.time_base;
    to->disposition = from.disposition;
    to->sample_aspect_ratio = from.sample_aspect_ratio;
    to->avg_frame_rate = from.avg_frame_rate;
    to->r_frame_rate = from.r_frame_rate;
    copy_metadata(to->metadata, from.metadata);
    copy_side_data(*to, from);
    return *to;
}

void Planner::copy(const AVStream& stream) {
    const AVStream& to = new_stream(stream);
    CopiedStream copied;
    copied.source = stream.index;
    copied.output = to.index;
    copied.time_base = stream.time_base;
    copied.type = stream.codecpar->codec_type;
    const bool matroska = container_.muxer == "matroska" || container_.muxer == "webm";
    if (matroska && stream.codecpar->codec_id == AV_CODEC_ID_OPUS && stream.codecpar->sample_rate > 0) {
        const AVRational samples{1, stream.codecpar->sample_rate};
        copied.lead = av_rescale_q_rnd(stream.codecpar->initial_padding, samples, stream.time_base, AV_ROUND_UP);
        // Its demuxer takes the codec delay off; the muxer puts it back on only from here on.
        if (avformat_version() < AV_VERSION_INT(60, 16, 100)) copied.lead_to_add = copied.lead;
    }
    plan_.streams.push_back(std::move(copied));
}

void Planner::add_cover(const AVStream& stream) {
    if (container_.cover == CoverForm::stream && holds_copy(container_, *stream.codecpar)) return copy(stream);
    if (container_.cover != CoverForm::attachment || stream.attached_pic.size <= 0) return drop(stream);
    const bool png = stream.codecpar->codec_id == AV_CODEC_ID_PNG;
    if (!png && stream.codecpar->codec_id != AV_CODEC_ID_MJPEG) return drop(stream);
    AVStream* to = avformat_new_stream(&output_, nullptr);
    if (to == nullptr) throw std::bad_alloc();
    to->codecpar->codec_type = AVMEDIA_TYPE_ATTACHMENT;
    to->codecpar->codec_id = stream.codecpar->codec_id;
    const auto size = static_cast<std::size_t>(stream.attached_pic.size);
    to->codecpar->extradata = static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
    if (to->codecpar->extradata == nullptr) throw std::bad_alloc();
    std::memcpy(to->codecpar->extradata, stream.attached_pic.data, size);
    to->codecpar->extradata_size = stream.attached_pic.size;
    copy_metadata(to->metadata, stream.metadata);
    av_dict_set(&to->metadata, "filename", png ? "cover.png" : "cover.jpg", AV_DICT_DONT_OVERWRITE);
    av_dict_set(&to->metadata, "mimetype", png ? "image/png" : "image/jpeg", AV_DICT_DONT_OVERWRITE);
}

void Planner::add_attachment(const AVStream& stream) {
    if (!options_.data) return;
    if (container_.attachments) {
        new_stream(stream);
        return;
    }
    const AVDictionaryEntry* name = av_dict_get(stream.metadata, "filename", nullptr, 0);
    plan_.notes.push_back({.stream = stream.index,
                           .loss = true,
                           .text = fmt::format("attachment {}: {} holds none, dropped",
                                               name == nullptr ? "without a name" : name->value, container_.muxer)});
}

void Planner::add_subtitle(const AVStream& stream) {
    if (!options_.subtitles) return;
    const AVCodecID own = stream.codecpar->codec_id;
    if (!is_text(own)) return holds_copy(container_, *stream.codecpar) ? copy(stream) : drop(stream);
    const AVCodecID wanted = text_codec(container_.text, own);
    if (wanted == AV_CODEC_ID_NONE || (wanted == own && !holds_copy(container_, *stream.codecpar))) return drop(stream);
    if (wanted == own) return copy(stream);
    copy(stream);
    CopiedStream& copied = plan_.streams.back();
    copied.text = std::make_unique<TextConverter>(stream, wanted);
    copied.text->describe(*output_.streams[copied.output]->codecpar);
    const bool styled = own == AV_CODEC_ID_ASS || own == AV_CODEC_ID_SSA;
    note(
        stream, styled,
        fmt::format("converted to {}{}", avcodec_get_name(wanted), styled ? ", which loses styles and positions" : ""));
}

void Planner::add_data(const AVStream& stream, bool chapters) {
    if (!options_.data) return;
    // QuickTime keeps chapter titles in a text track, which its muxer writes anew.
    const bool is_chapters = chapters && stream.codecpar->codec_id == AV_CODEC_ID_BIN_DATA &&
                             stream.codecpar->codec_tag == MKTAG('t', 'e', 'x', 't');
    if (!is_chapters) drop(stream);
}

// No container takes a stream of which that little is known; damaged files have such.
bool is_unknown(const AVCodecParameters& parameters) {
    if (parameters.codec_type == AVMEDIA_TYPE_AUDIO) return parameters.sample_rate <= 0;
    if (parameters.codec_type == AVMEDIA_TYPE_VIDEO) return parameters.width <= 0 || parameters.height <= 0;
    return false;
}

void Planner::add(const AVStream& stream, bool chapters) {
    const AVCodecParameters& parameters = *stream.codecpar;
    if (is_unknown(parameters)) return note(stream, true, "nothing tells its size or sample rate, dropped");
    if ((stream.disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) return add_cover(stream);
    switch (parameters.codec_type) {
        case AVMEDIA_TYPE_AUDIO:
            if (!options_.audio) return;
            [[fallthrough]];
        case AVMEDIA_TYPE_VIDEO:
            return holds_copy(container_, parameters) ? copy(stream) : drop(stream);
        case AVMEDIA_TYPE_SUBTITLE:
            return add_subtitle(stream);
        case AVMEDIA_TYPE_ATTACHMENT:
            return add_attachment(stream);
        default:
            return add_data(stream, chapters);
    }
}

}  // namespace

CopyPlan plan_copies(AVFormatContext& output, const Container& container, const Source& source,
                     const CopyOptions& options) {
    const AVFormatContext* from = format_context(source);
    if (from == nullptr) return {};
    Planner planner(output, container, options);
    for (unsigned i = 0; i < from->nb_streams; ++i) {
        if (static_cast<int>(i) != source.info().video) planner.add(*from->streams[i], from->nb_chapters > 0);
    }
    return planner.take();
}

}  // namespace millrace::media::ffmpeg
