// make_parser_filter() by libavcodec's bitstream filters.

#include "media/packet_filter.h"

#include <fmt/core.h>

#include <cassert>
#include <new>
#include <utility>

#include "core/error.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/source_access.h"

namespace millrace::media {

namespace {

using namespace ffmpeg;  // NOLINT(google-build-using-namespace): this file is its front

const char* filter_name(AVCodecID codec) {
    switch (codec) {
        case AV_CODEC_ID_H264:
            return "h264_mp4toannexb";
        case AV_CODEC_ID_HEVC:
            return "hevc_mp4toannexb";
        case AV_CODEC_ID_MPEG4:
            return "mpeg4_unpack_bframes";
        default:
            return "null";
    }
}

// Codecs whose extradata is part of the stream. VP9's is a record of its own, AV1's key frames repeat theirs.
bool begins_with_extradata(AVCodecID codec) {
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 ||
           codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MPEG2VIDEO || codec == AV_CODEC_ID_VC1;
}

class FfmpegPacketFilter final : public PacketFilter {
  public:
    explicit FfmpegPacketFilter(BitstreamFilterHandle filter) : filter_(std::move(filter)) {}

    [[nodiscard]] std::vector<std::byte> headers() const override {
        const AVCodecParameters& parameters = *filter_->par_out;
        if (!begins_with_extradata(parameters.codec_id) || parameters.extradata_size <= 0) return {};
        const auto* bytes = reinterpret_cast<const std::byte*>(parameters.extradata);
        return {bytes, bytes + parameters.extradata_size};
    }

    void send(const Packet& packet) override {
        PacketHandle copy = to_av(packet);
        if (av_bsf_send_packet(filter_.get(), copy.get()) < 0) ++errors_;
    }

    bool receive(Packet& packet) override {
        PacketHandle out = allocate_packet();
        const int code = av_bsf_receive_packet(filter_.get(), out.get());
        if (code >= 0) {
            packet = to_packet(std::move(out));
            return true;
        }
        if (code != AVERROR(EAGAIN) && code != AVERROR_EOF) ++errors_;  // the packet is used up
        return false;
    }

    void reset() override { av_bsf_flush(filter_.get()); }
    [[nodiscard]] std::int64_t errors() const override { return errors_; }

  private:
    BitstreamFilterHandle filter_;
    std::int64_t errors_ = 0;
};

}  // namespace

std::unique_ptr<PacketFilter> make_parser_filter(const Source& source) {
    const AVFormatContext* context = format_context(source);
    assert(context != nullptr);
    const AVStream& stream = *context->streams[source.info().video];
    const char* name = filter_name(stream.codecpar->codec_id);
    const AVBitStreamFilter* known = av_bsf_get_by_name(name);
    if (known == nullptr) {
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: the installed FFmpeg has no bitstream filter {}, which decoding on a GPU "
                                      "needs; decode on the CPU",
                                      source.info().path, name));
    }
    AVBSFContext* made = nullptr;
    if (av_bsf_alloc(known, &made) < 0) throw std::bad_alloc();
    BitstreamFilterHandle filter(made);
    if (avcodec_parameters_copy(filter->par_in, stream.codecpar) < 0) throw std::bad_alloc();
    filter->time_base_in = stream.time_base;
    const int code = av_bsf_init(filter.get());
    if (code < 0) {
        throw core::Error(core::ErrorCode::bad_input,
                          fmt::format("{}: the codec parameters of its video stream are damaged ({}: {})",
                                      source.info().path, name, error_text(code)));
    }
    return std::make_unique<FfmpegPacketFilter>(std::move(filter));
}

}  // namespace millrace::media
