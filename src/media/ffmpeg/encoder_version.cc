// Which library stands behind an encoder: its packets depend on it, so the journal keeps it.

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "device/buffer_pool.h"
#include "device/picture.h"
#include "media/encoder.h"
#include "media/ffmpeg/encoder_context.h"
#include "media/ffmpeg/encoder_format.h"
#include "media/ffmpeg/encoder_traits.h"

namespace millrace::media {

namespace {

/// The text from `mark` to the next " - " after it, in what an encoder says of itself in its stream; empty when absent.
std::string text_after(std::string_view bytes, std::string_view mark) {
    const std::size_t at = bytes.find(mark);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = bytes.substr(at + mark.size(), 60);
    return std::string(rest.substr(0, std::min(rest.find(" - "), rest.find(':'))));
}

/// x264 writes its version into the first key frame only.
std::string first_packet(const std::string& codec) {
    EncoderSettings settings;
    settings.request.codec = codec;
    settings.request.preset = "ultrafast";
    settings.picture = {.width = 64, .height = 64, .format = {}, .color = {}};
    if (codec == "libx264rgb")
        settings.picture.format = ffmpeg::encoder_formats(ffmpeg::require_encoder(codec)).front().picture;
    settings.input = {.picture = settings.picture, .time_base = {1, 25}, .frame_rate = {25, 1}};
    settings.threads = 1;
    const std::unique_ptr<Encoder> encoder = make_encoder(settings);
    device::BufferPool pool({}, "encoder version", std::size_t{1} << 20);
    device::Picture picture = device::lease_picture(pool, settings.picture);
    std::memset(picture.planes[0].data, 0, device::picture_bytes(settings.picture));
    picture.pts = 0;
    picture.duration = 1;
    std::string out;
    if (encoder->send(picture, FrameKind::automatic) == core::Feed::full) return out;
    encoder->finish();
    Packet packet;
    while (encoder->receive(packet) == core::Receive::ready) {
        out.append(reinterpret_cast<const char*>(packet.data.data()), packet.data.size());
    }
    const std::vector<std::byte>& extradata = encoder->stream().extradata;
    out.append(reinterpret_cast<const char*>(extradata.data()), extradata.size());
    return out;
}

/// The version function of a library that libavcodec brought into the process.
std::string library_version(const char* function) {
    using Version = const char* (*)();
    const auto version = reinterpret_cast<Version>(::dlsym(RTLD_DEFAULT, function));
    const char* text = version == nullptr ? nullptr : version();
    return text == nullptr ? std::string() : std::string(text);
}

}  // namespace

std::string encoder_version(const std::string& codec) {
    const AVCodec& found = ffmpeg::require_encoder(codec);
    const unsigned version = avcodec_version();
    std::string out = fmt::format("Lavc{}.{}.{} {}", AV_VERSION_MAJOR(version), AV_VERSION_MINOR(version),
                                  AV_VERSION_MICRO(version), found.name);
    std::string library;
    if (codec == "libx264" || codec == "libx264rgb") library = text_after(first_packet(codec), "x264 - core ");
    if (codec == "libx265") library = text_after(first_packet(codec), "x265 (build ");
    if (codec == "libvpx-vp9") library = library_version("vpx_codec_version_str");
    if (codec == "libsvtav1") library = library_version("svt_av1_get_version");
    return library.empty() ? out : out + " " + library;
}

}  // namespace millrace::media
