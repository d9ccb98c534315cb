// From what the user asked for to settings without gaps.

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "media/encoder.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/encoder_context.h"
#include "media/ffmpeg/encoder_format.h"
#include "media/ffmpeg/encoder_nvenc.h"
#include "media/ffmpeg/encoder_traits.h"

namespace millrace::media {

namespace {

using core::ColorFamily;
using core::Error;
using core::ErrorCode;

/// Colour of pictures in `format` made from pictures of `input`: RGB has neither matrix nor siting, and JPEG has its
/// own (JFIF 1.02: BT.601, full range, centred chroma).
core::ColorDescription color_for(const std::string& codec, const core::PixelFormat& format,
                                 const core::PictureDesc& input) {
    core::ColorDescription color = input.color;
    const bool from_rgb = input.format.family == ColorFamily::rgb;
    if (format.family == ColorFamily::rgb) {
        color.matrix = core::Matrix::identity;
        color.range = core::Range::full;
    } else if (from_rgb) {
        const core::ColorDescription declared{.primaries = color.primaries, .transfer = color.transfer};
        color = core::resolve_color(declared, {.height = input.height}).value;
    }
    if (codec == "mjpeg") {
        color.matrix = core::Matrix::bt470bg;
        color.range = core::Range::full;
        color.siting = core::ChromaSiting::center;
    }
    if (codec == "png" && format.family == ColorFamily::gray) color.range = core::Range::full;
    return color;
}

std::string change_note(const EncoderSettings& settings) {
    const core::PixelFormat& from = settings.input.picture.format;
    const core::PixelFormat& to = settings.picture.format;
    std::string note;
    if (!core::same_samples(from, to)) {
        note = fmt::format("{} takes no {}: {} is encoded", settings.request.codec, core::name(from), core::name(to));
        if (to.depth < from.depth) note += fmt::format(" ({} of {} bits)", to.depth, from.depth);
    }
    const core::ColorDescription& before = settings.input.picture.color;
    const core::ColorDescription& after = settings.picture.color;
    if (from.family == to.family && (before.matrix != after.matrix || before.range != after.range)) {
        if (!note.empty()) note += "; ";
        note += fmt::format("{} holds {}, {} range: converted from {}, {} range", settings.request.codec,
                            core::name(after.matrix), core::name(after.range), core::name(before.matrix),
                            core::name(before.range));
    }
    return note;
}

void choose_picture(EncoderSettings& settings) {
    const AVCodec& codec = ffmpeg::require_encoder(settings.request.codec);
    const std::string& wanted = settings.request.pixel_format;
    settings.picture = settings.input.picture;
    if (!wanted.empty()) {
        settings.picture.format = ffmpeg::format_by_name(codec, wanted).picture;
    } else {
        const auto formats = ffmpeg::encoder_formats(codec);
        if (formats.empty()) {
            throw Error(ErrorCode::usage, fmt::format("-c:v {}: it takes none of the pixel formats that pictures can "
                                                      "be had in; use libx264",
                                                      settings.request.codec));
        }
        settings.picture.format = ffmpeg::nearest_format(formats, settings.input.picture.format).picture;
    }
    settings.picture.color = color_for(settings.request.codec, settings.picture.format, settings.input.picture);
    if (wanted.starts_with("yuvj")) settings.picture.color.range = core::Range::full;
    if (wanted.empty()) settings.note = change_note(settings);
}

void check_size(const EncoderSettings& settings, const ffmpeg::EncoderTraits* traits) {
    const core::PictureDesc& picture = settings.picture;
    if (picture.format.family != ColorFamily::yuv) return;
    const bool odd_width = picture.format.log2_chroma_w > 0 && picture.width % 2 != 0;
    const bool odd_height = picture.format.log2_chroma_h > 0 && picture.height % 2 != 0;
    if (traits == nullptr || !traits->even_size || !(odd_width || odd_height)) return;
    const core::PixelFormat full{.depth = picture.format.depth, .log2_chroma_w = 0, .log2_chroma_h = 0};
    const bool has_full = ffmpeg::find_format(ffmpeg::require_encoder(settings.request.codec), full) != AV_PIX_FMT_NONE;
    throw Error(
        ErrorCode::usage,
        fmt::format("{} needs an even {} for {}, and the output is {}x{}: use --pad or --crop to make it even{}",
                    settings.request.codec,
                    odd_width && odd_height ? "width and height"
                    : odd_width             ? "width"
                                            : "height",
                    core::name(picture.format), picture.width, picture.height,
                    has_full ? fmt::format(", or -pix_fmt {}", core::name(full)) : std::string()));
}

int choose_threads(const EncoderRequest& request, const core::PictureDesc& picture) {
    if (request.threads) return *request.threads;
    for (const auto& [key, value] : request.options) {
        if (key != "threads") continue;
        int threads = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), threads);
        if (error == std::errc{} && end == value.data() + value.size() && threads >= 1) return threads;
        throw Error(ErrorCode::usage,
                    fmt::format("-e threads={}: expected a number from 1; what an encoder writes depends on it, so it "
                                "is never left to the machine",
                                value));
    }
    return ffmpeg::threads_for(picture);
}

}  // namespace

namespace ffmpeg {

EncoderSettings decide_encoder(const EncoderRequest& request, const EncoderInput& input) {
    EncoderSettings settings;
    settings.request = request;
    settings.input = input;
    const EncoderTraits* traits = find_traits(request.codec);
    choose_picture(settings);
    check_size(settings, traits);
    settings.threads = choose_threads(request, settings.picture);
    if (traits == nullptr) {
        settings.segmentable = false;
        settings.deterministic = false;
        settings.note += fmt::format("{}{} was not tried: one instance encodes the whole file",
                                     settings.note.empty() ? "" : "; ", request.codec);
    } else {
        settings.context_frames = lookahead_frames(request, *traits);
        settings.segmentable = traits->closed_join;
    }
    if (find_nvenc(request.codec) != nullptr) {
        check_nvenc_device(request.codec, input.device);
        settings.device = input.device;
    }
    if (request.codec == "libsvtav1" && request.bit_rate) settings.deterministic = false;
    return settings;
}

}  // namespace ffmpeg

EncoderSettings resolve_encoder(const EncoderRequest& request, const EncoderInput& input) {
    EncoderSettings settings = ffmpeg::decide_encoder(request, input);
    ffmpeg::try_encoder(settings);
    return settings;
}

}  // namespace millrace::media
