#include "media/ffmpeg/encoder_format.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <span>

#include "core/error.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/encoder_nvenc.h"
#include "media/ffmpeg/encoder_traits.h"

namespace millrace::media::ffmpeg {

namespace {

constexpr core::PixelFormat rgb(std::uint8_t depth) {
    return {.family = core::ColorFamily::rgb, .depth = depth, .log2_chroma_w = 0, .log2_chroma_h = 0};
}

constexpr core::PixelFormat gray(std::uint8_t depth) {
    return {.family = core::ColorFamily::gray, .depth = depth, .log2_chroma_w = 0, .log2_chroma_h = 0};
}

/// Formats that make_frame() packs.
constexpr std::array<EncoderFormat, 7> packed_formats{{
    {AV_PIX_FMT_RGB24, rgb(8)},
    {AV_PIX_FMT_BGR24, rgb(8)},
    {AV_PIX_FMT_BGR0, rgb(8)},
    {AV_PIX_FMT_RGB48BE, rgb(12)},
    {AV_PIX_FMT_RGB48BE, rgb(10)},
    {AV_PIX_FMT_GRAY16BE, gray(12)},
    {AV_PIX_FMT_GRAY16BE, gray(10)},
}};

std::span<const AVPixelFormat> av_formats(const AVCodec& codec) {
    const AVPixelFormat* formats = nullptr;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
    const void* list = nullptr;
    avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &list, nullptr);
    formats = static_cast<const AVPixelFormat*>(list);
#else
    formats = codec.pix_fmts;
#endif
    std::size_t count = 0;
    while (formats != nullptr && formats[count] != AV_PIX_FMT_NONE) ++count;
    return {formats, count};
}

int loss(const core::PixelFormat& from, const core::PixelFormat& to) {
    using core::ColorFamily;
    int points = 0;
    if (from.family != ColorFamily::gray && to.family == ColorFamily::gray) points += 100000;
    if ((from.family == ColorFamily::rgb) != (to.family == ColorFamily::rgb)) points += 10000;
    if (to.depth < from.depth) points += 1000 * (from.depth - to.depth);
    if (from.family != ColorFamily::gray) {
        points += 300 * std::max(0, to.log2_chroma_w - from.log2_chroma_w);
        points += 300 * std::max(0, to.log2_chroma_h - from.log2_chroma_h);
    }
    // What is not needed costs little, but costs.
    points += 4 * std::max(0, to.depth - from.depth);
    points +=
        2 * (std::max(0, from.log2_chroma_w - to.log2_chroma_w) + std::max(0, from.log2_chroma_h - to.log2_chroma_h));
    if (from.family == ColorFamily::gray && to.family != ColorFamily::gray) {
        points += 2 + (to.log2_chroma_w == 0 ? 2 : 0) + (to.log2_chroma_h == 0 ? 2 : 0);
    }
    if (from.packing != to.packing) points += 1;
    return points;
}

/// Bytes of one packed pixel: where R, G and B go, and the number of bytes.
struct PackedOrder {
    std::array<std::size_t, 3> place;
    std::size_t bytes;
};

PackedOrder order_of(AVPixelFormat format) {
    switch (format) {
        case AV_PIX_FMT_RGB24:
            return {{0, 1, 2}, 3};
        case AV_PIX_FMT_BGR24:
            return {{2, 1, 0}, 3};
        case AV_PIX_FMT_BGR0:
            return {{2, 1, 0}, 4};
        case AV_PIX_FMT_RGB48BE:
            return {{0, 2, 4}, 6};
        case AV_PIX_FMT_GRAY16BE:
            return {{0, 0, 0}, 2};
        default:
            assert(false && "not a packed format");
            return {};
    }
}

void pack_row(const device::Picture& picture, int row, AVFrame& frame, const PackedOrder& order) {
    const auto width = static_cast<std::size_t>(picture.desc.width);
    const int components = picture.desc.format.component_count();
    const int depth = picture.desc.format.depth;
    std::uint8_t* out = frame.data[0] + static_cast<std::ptrdiff_t>(row) * frame.linesize[0];
    if (order.bytes == 4) std::fill(out, out + width * order.bytes, std::uint8_t{0});
    for (std::size_t c = 0; c < static_cast<std::size_t>(components); ++c) {
        const device::PlaneView& plane = picture.planes.at(c);
        const std::byte* in = plane.data + row * plane.pitch;
        std::uint8_t* to = out + order.place.at(c);
        if (depth == 8) {
            for (std::size_t x = 0; x < width; ++x) to[x * order.bytes] = static_cast<std::uint8_t>(in[x]);
            continue;
        }
        const auto* samples = reinterpret_cast<const std::uint16_t*>(in);
        for (std::size_t x = 0; x < width; ++x) {
            // To 16 bits by repeating the high bits: 0 stays 0 and the largest value becomes the largest.
            const unsigned value = samples[x];
            const unsigned wide = (value << (16 - depth)) | (value >> (2 * depth - 16));
            to[x * order.bytes] = static_cast<std::uint8_t>(wide >> 8);
            to[x * order.bytes + 1] = static_cast<std::uint8_t>(wide & 0xff);
        }
    }
}

FrameHandle pack(const device::Picture& picture, AVPixelFormat format) {
    FrameHandle frame = allocate_frame();
    frame->format = format;
    frame->width = picture.desc.width;
    frame->height = picture.desc.height;
    if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
    const PackedOrder order = order_of(format);
    for (int row = 0; row < picture.desc.height; ++row) pack_row(picture, row, *frame, order);
    const AvColor color = to_av(picture.desc.color);
    frame->colorspace = color.matrix;
    frame->color_range = color.range;
    frame->color_primaries = color.primaries;
    frame->color_trc = color.transfer;
    frame->pts = picture.pts;
    set_frame_duration(*frame, picture.duration);
    return frame;
}

}  // namespace

std::vector<EncoderFormat> encoder_formats(const AVCodec& codec) {
    if (find_nvenc(codec.name) != nullptr) return nvenc_formats(codec.name);
    std::vector<EncoderFormat> out;
    for (const AVPixelFormat av : av_formats(codec)) {
        if (is_full_range_format(av)) continue;  // the plain format with full range
        if (const auto ours = to_pixel_format(av)) out.push_back({av, *ours});
        for (const EncoderFormat& packed : packed_formats) {
            if (packed.av == av) out.push_back(packed);
        }
    }
    return out;
}

AVPixelFormat find_format(const AVCodec& codec, const core::PixelFormat& picture) {
    const std::vector<EncoderFormat> formats = encoder_formats(codec);
    const auto found = std::ranges::find(formats, picture, &EncoderFormat::picture);
    return found == formats.end() ? AV_PIX_FMT_NONE : found->av;
}

EncoderFormat nearest_format(const std::vector<EncoderFormat>& formats, const core::PixelFormat& input) {
    assert(!formats.empty());
    return *std::ranges::min_element(formats, {}, [&](const EncoderFormat& f) { return loss(input, f.picture); });
}

EncoderFormat format_by_name(const AVCodec& codec, const std::string& name) {
    const std::vector<EncoderFormat> formats = encoder_formats(codec);
    const bool named_full = name.starts_with("yuvj");
    const AVPixelFormat asked = av_get_pix_fmt((named_full ? "yuv" + name.substr(4) : name).c_str());
    const auto found = std::ranges::find(formats, asked, &EncoderFormat::av);
    if (asked != AV_PIX_FMT_NONE && found != formats.end()) return *found;
    // Planar RGB and deep grey that the encoder wants packed may be asked for by the picture's own name, and samples
    // that it wants elsewhere by another one.
    for (const EncoderFormat& format : formats) {
        if (core::name(format.picture) == name) return format;
    }
    if (const auto ours = to_pixel_format(asked)) {
        const auto same =
            std::ranges::find_if(formats, [&](const EncoderFormat& f) { return core::same_samples(f.picture, *ours); });
        if (same != formats.end()) return *same;
    }
    std::vector<std::string> names;
    for (const EncoderFormat& format : formats) {
        const std::string one = av_get_pix_fmt_name(format.av);
        if (std::ranges::find(names, one) == names.end()) names.push_back(one);
    }
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("-pix_fmt {}: {} {}; it takes {}", name, codec.name,
                                  asked == AV_PIX_FMT_NONE ? "knows no such pixel format" : "cannot be fed with it",
                                  fmt::join(names, ", ")));
}

FrameHandle make_frame(const device::Picture& picture, AVPixelFormat format) {
    if (to_pixel_format(format) == picture.desc.format) return to_av(picture);
    return pack(picture, format);
}

}  // namespace millrace::media::ffmpeg
