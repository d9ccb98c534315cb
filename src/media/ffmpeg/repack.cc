#include "media/ffmpeg/repack.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <vector>

#include "core/error.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

namespace {

using Row = std::vector<std::uint16_t>;

bool has_flag(const AVPixFmtDescriptor& desc, std::uint64_t flag) { return (desc.flags & flag) != 0; }

std::uint8_t nearest_depth(int depth) {
    if (depth <= 8) return 8;
    return depth <= 10 ? 10 : 12;
}

core::PixelFormat nearest_format(const AVPixFmtDescriptor& desc) {
    core::PixelFormat out;
    const bool palette = has_flag(desc, AV_PIX_FMT_FLAG_PAL);
    const bool rgb = has_flag(desc, AV_PIX_FMT_FLAG_RGB) || palette;
    const bool gray = desc.nb_components < 3 && !rgb;
    out.family = rgb ? core::ColorFamily::rgb : gray ? core::ColorFamily::gray : core::ColorFamily::yuv;
    const int deepest = std::max({desc.comp[0].depth, desc.comp[1].depth, desc.comp[2].depth});
    out.depth = palette ? 8 : nearest_depth(gray ? desc.comp[0].depth : deepest);
    const bool half_w = out.family == core::ColorFamily::yuv && desc.log2_chroma_w >= 1;
    const bool half_h = half_w && desc.log2_chroma_h >= 1;
    out.log2_chroma_w = half_w ? 1 : 0;
    out.log2_chroma_h = half_h ? 1 : 0;
    return out;
}

bool has_plain_samples(const AVPixFmtDescriptor& desc) {
    const bool xyz = std::strncmp(desc.name, "xyz", 3) == 0;
    return desc.nb_components > 0 && !xyz && desc.comp[0].depth <= 16 &&
           !has_flag(desc, AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_HWACCEL);
}

std::string describe(const AVPixFmtDescriptor& desc, const core::PixelFormat& to) {
    std::string text = fmt::format("{}: delivered as {}", desc.name, core::name(to));
    if (has_flag(desc, AV_PIX_FMT_FLAG_ALPHA)) text += ", alpha is dropped";
    if (desc.comp[0].depth > to.depth) text += fmt::format(", {} bits are rounded to {}", desc.comp[0].depth, to.depth);
    const bool coarser = desc.log2_chroma_w > to.log2_chroma_w || desc.log2_chroma_h > to.log2_chroma_h;
    if (to.family == core::ColorFamily::yuv && coarser) text += ", chroma is repeated";
    return text;
}

/// One component's values, `width` of them, from line `y` of its plane.
class ComponentReader {
  public:
    ComponentReader(const AVFrame& frame, const AVPixFmtDescriptor& desc, int component)
        : frame_(frame), desc_(desc), component_(component), part_(desc.comp[component]) {
        const bool plain = !has_flag(desc, AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE);
        bytes_ = plain && part_.depth + part_.shift <= 8;
        words_ = plain && !bytes_ && part_.depth > 8 && part_.step % 2 == 0 && part_.offset % 2 == 0 &&
                 std::endian::native == std::endian::little;
    }

    void read(int y, int width, Row& row) const {
        const std::uint8_t* line =
            frame_.data[part_.plane] + static_cast<std::ptrdiff_t>(y) * frame_.linesize[part_.plane] + part_.offset;
        const auto count = static_cast<std::size_t>(width);
        const auto step = static_cast<std::size_t>(part_.step);
        const auto shift = static_cast<unsigned>(part_.shift);
        if (has_flag(desc_, AV_PIX_FMT_FLAG_PAL)) {
            read_palette(y, row);
        } else if (bytes_) {
            const unsigned mask = (1U << static_cast<unsigned>(part_.depth)) - 1U;
            for (std::size_t x = 0; x < count; ++x) {
                row[x] = static_cast<std::uint16_t>((unsigned{line[x * step]} >> shift) & mask);
            }
        } else if (words_) {
            const unsigned mask = (1U << static_cast<unsigned>(part_.depth)) - 1U;
            for (std::size_t x = 0; x < count; ++x) {
                std::uint16_t value = 0;
                std::memcpy(&value, line + x * step, sizeof value);
                row[x] = static_cast<std::uint16_t>((unsigned{value} >> shift) & mask);
            }
        } else {
            read_slowly(y, width, row);
        }
    }

  private:
    // Bit streams and big endian: FFmpeg's own reader knows them all.
    void read_slowly(int y, int width, Row& row) const {
        std::array<const std::uint8_t*, 4> data{frame_.data[0], frame_.data[1], frame_.data[2], frame_.data[3]};
        av_read_image_line2(row.data(), data.data(), frame_.linesize, &desc_, 0, y, component_, width, 0,
                            sizeof row[0]);
    }

    // A palette is 256 native 32-bit words, 0xAARRGGBB.
    void read_palette(int y, Row& row) const {
        const std::uint8_t* line = frame_.data[0] + static_cast<std::ptrdiff_t>(y) * frame_.linesize[0];
        const int shift = 16 - 8 * component_;
        for (std::size_t x = 0; x < row.size(); ++x) {
            std::uint32_t color = 0;
            std::memcpy(&color, frame_.data[1] + std::size_t{4} * line[x], sizeof color);
            row[x] = static_cast<std::uint16_t>(color >> shift & 0xFFU);
        }
    }

    const AVFrame& frame_;
    const AVPixFmtDescriptor& desc_;
    int component_;
    const AVComponentDescriptor& part_;
    bool bytes_ = false;
    bool words_ = false;
};

/// From one depth to another.
class DepthChange {
  public:
    DepthChange(int from, int to, bool scaled)
        : from_(static_cast<unsigned>(from)), to_(static_cast<unsigned>(to)), scaled_(scaled) {}

    [[nodiscard]] std::uint16_t operator()(std::uint16_t value) const {
        if (from_ == to_) return value;
        const std::uint32_t top = (1U << to_) - 1U;
        if (scaled_) {
            const std::uint32_t bottom = (1U << from_) - 1U;
            return static_cast<std::uint16_t>((2U * value * top + bottom) / (2U * bottom));
        }
        if (to_ > from_) return static_cast<std::uint16_t>(value << (to_ - from_));
        const unsigned down = from_ - to_;
        return static_cast<std::uint16_t>(std::min(top, (value + (1U << (down - 1U))) >> down));
    }

  private:
    unsigned from_;
    unsigned to_;
    bool scaled_;
};

void write_row(const Row& row, int repeat_log2, const DepthChange& change, int width, int bytes, std::uint8_t* out) {
    for (int x = 0; x < width; ++x) {
        const std::size_t from = std::min(static_cast<std::size_t>(x >> repeat_log2), row.size() - 1);
        const std::uint16_t value = change(row[from]);
        if (bytes == 1) {
            out[x] = static_cast<std::uint8_t>(value);
        } else {
            std::memcpy(out + static_cast<std::ptrdiff_t>(x) * 2, &value, sizeof value);
        }
    }
}

int ceil_shift(int value, int shift) { return -((-value) >> shift); }

// `plane`: ours and the component's number (Y Cb Cr, or R G B, in both).
void repack_plane(const AVFrame& frame, const AVPixFmtDescriptor& from, const core::PixelFormat& to, int plane,
                  AVFrame& out) {
    const bool chroma = to.family == core::ColorFamily::yuv && plane > 0;
    const int from_w = chroma ? from.log2_chroma_w : 0;
    const int from_h = chroma ? from.log2_chroma_h : 0;
    const int to_w = chroma ? to.log2_chroma_w : 0;
    const int to_h = chroma ? to.log2_chroma_h : 0;
    const int width = ceil_shift(frame.width, to_w);
    const int height = ceil_shift(frame.height, to_h);
    const bool rgb = to.family == core::ColorFamily::rgb;
    const std::size_t stored =
        rgb ? std::array<std::size_t, 3>{2, 0, 1}.at(static_cast<std::size_t>(plane)) : static_cast<std::size_t>(plane);
    const bool palette = has_flag(from, AV_PIX_FMT_FLAG_PAL);
    const bool limited = to.family == core::ColorFamily::yuv && frame.color_range != AVCOL_RANGE_JPEG;
    const bool limited_gray = to.family == core::ColorFamily::gray && frame.color_range == AVCOL_RANGE_MPEG;
    const DepthChange change(palette ? 8 : from.comp[plane].depth, to.depth, !limited && !limited_gray);
    const ComponentReader reader(frame, from, plane);
    Row row(static_cast<std::size_t>(ceil_shift(frame.width, from_w)));
    const int last_line = ceil_shift(frame.height, from_h) - 1;
    for (int y = 0; y < height; ++y) {
        reader.read(std::min(y >> (from_h - to_h), last_line), static_cast<int>(row.size()), row);
        write_row(row, from_w - to_w, change, width, to.bytes_per_sample(),
                  out.data[stored] + static_cast<std::ptrdiff_t>(y) * out.linesize[stored]);
    }
}

}  // namespace

Delivery choose_delivery(AVPixelFormat format) {
    const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format);
    if (desc == nullptr) return {.format = {}, .av = AV_PIX_FMT_YUV420P, .note = ""};
    if (const auto same = to_pixel_format(format)) return {.format = *same, .av = format, .note = ""};
    const core::PixelFormat nearest = nearest_format(*desc);
    const bool possible = has_plain_samples(*desc);
    return {.format = nearest,
            .av = to_av(nearest),
            .note = possible ? describe(*desc, nearest) : fmt::format("{}: cannot be delivered", desc->name),
            .possible = possible};
}

FrameHandle repack(const AVFrame& frame, const Delivery& delivery) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    const AVPixFmtDescriptor& from = *av_pix_fmt_desc_get(format);
    if (!delivery.possible) {
        throw core::Error(
            core::ErrorCode::bad_input,
            fmt::format("pixel format {} is not supported; convert the file with ffmpeg first, for example "
                        "to -pix_fmt gbrp12le",
                        from.name));
    }
    FrameHandle out = allocate_frame();
    out->format = delivery.av;
    out->width = frame.width;
    out->height = frame.height;
    if (av_frame_get_buffer(out.get(), 0) < 0 || av_frame_copy_props(out.get(), &frame) < 0) throw std::bad_alloc();
    for (int plane = 0; plane < delivery.format.plane_count(); ++plane) {
        repack_plane(frame, from, delivery.format, plane, *out);
    }
    return out;
}

}  // namespace millrace::media::ffmpeg
