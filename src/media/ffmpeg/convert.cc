#include "media/ffmpeg/convert.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <array>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::media::ffmpeg {

namespace {

struct FormatPair {
    AVPixelFormat av;
    core::PixelFormat ours;
};

void add_format(std::vector<FormatPair>& table, const core::PixelFormat& format) {
    const AVPixelFormat av = av_get_pix_fmt(core::name(format).c_str());
    if (av != AV_PIX_FMT_NONE) table.push_back({av, format});
}

struct Subsampling {
    std::uint8_t w;
    std::uint8_t h;
};

std::vector<FormatPair> make_formats() {
    using core::ColorFamily;
    using core::PixelFormat;
    std::vector<FormatPair> table;
    for (const std::uint8_t depth : std::array<std::uint8_t, 3>{8, 10, 12}) {
        add_format(table,
                   PixelFormat{.family = ColorFamily::gray, .depth = depth, .log2_chroma_w = 0, .log2_chroma_h = 0});
        add_format(table,
                   PixelFormat{.family = ColorFamily::rgb, .depth = depth, .log2_chroma_w = 0, .log2_chroma_h = 0});
        for (const Subsampling s : {Subsampling{1, 1}, Subsampling{1, 0}, Subsampling{0, 0}}) {
            add_format(table, PixelFormat{.depth = depth, .log2_chroma_w = s.w, .log2_chroma_h = s.h});
            add_format(table, PixelFormat{.depth = depth,
                                          .log2_chroma_w = s.w,
                                          .log2_chroma_h = s.h,
                                          .packing = core::Packing::semi_planar,
                                          .alignment = depth > 8 ? core::Alignment::high : core::Alignment::low});
        }
    }
    const PixelFormat yuv420{};
    table.push_back({AV_PIX_FMT_YUVJ420P, yuv420});
    table.push_back({AV_PIX_FMT_YUVJ422P, PixelFormat{.log2_chroma_w = 1, .log2_chroma_h = 0}});
    table.push_back({AV_PIX_FMT_YUVJ444P, PixelFormat{.log2_chroma_w = 0, .log2_chroma_h = 0}});
    return table;
}

std::span<const FormatPair> formats() {
    static const std::vector<FormatPair> table = make_formats();
    return table;
}

core::Rational fraction(AVRational value) { return to_rational(value); }

}  // namespace

core::Rational to_rational(AVRational value) {
    if (value.den == 0) return {0, 1};
    if (value.den < 0) return {-static_cast<std::int64_t>(value.num), -static_cast<std::int64_t>(value.den)};
    return {value.num, value.den};
}

AVRational to_av(core::Rational value) {
    AVRational out{0, 1};
    if (value.den == 0) return out;
    av_reduce(&out.num, &out.den, value.num, value.den, std::numeric_limits<int>::max());
    return out;
}

std::optional<core::PixelFormat> to_pixel_format(AVPixelFormat format) {
    for (const FormatPair& pair : formats()) {
        if (pair.av == format) return pair.ours;
    }
    return std::nullopt;
}

AVPixelFormat to_av(const core::PixelFormat& format) {
    for (const FormatPair& pair : formats()) {
        if (pair.ours == format) return pair.av;
    }
    return AV_PIX_FMT_NONE;
}

bool is_full_range_format(AVPixelFormat format) {
    const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format);
    return desc != nullptr && std::string_view(desc->name).starts_with("yuvj");
}

core::ColorDescription to_color(const AvColor& color) {
    core::ColorDescription out;
    const auto code = [](int value) { return static_cast<std::uint8_t>(value); };
    if (color.matrix != 3) out.matrix = static_cast<core::Matrix>(color.matrix);
    if (color.range == AVCOL_RANGE_MPEG) out.range = core::Range::limited;
    if (color.range == AVCOL_RANGE_JPEG) out.range = core::Range::full;
    if (color.primaries != 0 && color.primaries != 3) out.primaries = code(color.primaries);
    if (color.transfer != 0 && color.transfer != 3) out.transfer = code(color.transfer);
    static_assert(static_cast<int>(core::ChromaSiting::left) == AVCHROMA_LOC_LEFT &&
                  static_cast<int>(core::ChromaSiting::bottom) == AVCHROMA_LOC_BOTTOM);
    out.siting = static_cast<core::ChromaSiting>(color.siting);
    return out;
}

AvColor to_av(const core::ColorDescription& color) {
    AvColor out;
    out.matrix = static_cast<AVColorSpace>(color.matrix);
    if (color.range == core::Range::limited) out.range = AVCOL_RANGE_MPEG;
    if (color.range == core::Range::full) out.range = AVCOL_RANGE_JPEG;
    out.primaries = static_cast<AVColorPrimaries>(color.primaries);
    out.transfer = static_cast<AVColorTransferCharacteristic>(color.transfer);
    out.siting = static_cast<AVChromaLocation>(color.siting);
    return out;
}

HdrMetadata to_hdr(const AVMasteringDisplayMetadata* mastering, const AVContentLightMetadata* light) {
    HdrMetadata out;
    if (mastering != nullptr && mastering->has_primaries != 0 && mastering->has_luminance != 0) {
        MasteringDisplay display;
        for (std::size_t i = 0; i < 3; ++i) {
            for (std::size_t j = 0; j < 2; ++j) {
                display.primaries.at(i).at(j) = fraction(mastering->display_primaries[i][j]);
            }
        }
        display.white_point = {fraction(mastering->white_point[0]), fraction(mastering->white_point[1])};
        display.min_luminance = fraction(mastering->min_luminance);
        display.max_luminance = fraction(mastering->max_luminance);
        out.mastering = display;
    }
    if (light != nullptr && (light->MaxCLL != 0 || light->MaxFALL != 0)) {
        out.light = ContentLight{.max_content = light->MaxCLL, .max_frame_average = light->MaxFALL};
    }
    return out;
}

AVMasteringDisplayMetadata to_av(const MasteringDisplay& mastering) {
    AVMasteringDisplayMetadata out{};
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 2; ++j) out.display_primaries[i][j] = to_av(mastering.primaries.at(i).at(j));
    }
    for (std::size_t j = 0; j < 2; ++j) out.white_point[j] = to_av(mastering.white_point.at(j));
    out.min_luminance = to_av(mastering.min_luminance);
    out.max_luminance = to_av(mastering.max_luminance);
    out.has_primaries = 1;
    out.has_luminance = 1;
    return out;
}

AVContentLightMetadata to_av(const ContentLight& light) {
    AVContentLightMetadata out{};
    out.MaxCLL = light.max_content;
    out.MaxFALL = light.max_frame_average;
    return out;
}

}  // namespace millrace::media::ffmpeg
