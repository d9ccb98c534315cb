#include "media/library.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
}

#include <fmt/format.h>

namespace millrace::media {

namespace {

std::string dotted(unsigned version) {
    return fmt::format("{}.{}.{}", AV_VERSION_MAJOR(version), AV_VERSION_MINOR(version), AV_VERSION_MICRO(version));
}

}  // namespace

std::string library_version() {
    return fmt::format("libavformat {}, libavcodec {}, libavfilter {}", dotted(avformat_version()),
                       dotted(avcodec_version()), dotted(avfilter_version()));
}

std::string codec_of(const std::string& encoder) {
    const AVCodec* codec = avcodec_find_encoder_by_name(encoder.c_str());
    return codec == nullptr ? "" : avcodec_get_name(codec->id);
}

}  // namespace millrace::media
