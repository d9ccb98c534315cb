#pragma once
// What a picture is, without its memory.

#include <cstdint>
#include <string>

#include "core/color.h"

namespace millrace::core {

enum class ColorFamily : std::uint8_t { yuv, gray, rgb };

/// planar: one plane a component. semi_planar: Y, then interleaved Cb Cr (NV12 and its deeper relatives).
enum class Packing : std::uint8_t { planar, semi_planar };

/// Where the bits lie in a 16-bit sample: low (yuv420p10) or high (P010). 8-bit samples are low.
enum class Alignment : std::uint8_t { low, high };

/// Layout of samples. 8-bit samples are one byte; deeper ones two bytes, native endian.
struct PixelFormat {
    ColorFamily family = ColorFamily::yuv;
    std::uint8_t depth = 8;          ///< 8, 10 or 12 bits
    std::uint8_t log2_chroma_w = 1;  ///< 4:2:0 and 4:2:2: 1; 4:4:4, gray, rgb: 0
    std::uint8_t log2_chroma_h = 1;  ///< 4:2:0: 1; all else 0
    Packing packing = Packing::planar;
    Alignment alignment = Alignment::low;

    friend bool operator==(const PixelFormat&, const PixelFormat&) = default;

    [[nodiscard]] int bytes_per_sample() const { return depth > 8 ? 2 : 1; }
    /// gray 1; semi-planar 2; planar yuv and rgb 3.
    [[nodiscard]] int plane_count() const;
    [[nodiscard]] int component_count() const { return family == ColorFamily::gray ? 1 : 3; }
};

/// Whether the formats hold the same samples, if at other places.
[[nodiscard]] bool same_samples(const PixelFormat& a, const PixelFormat& b);

/// A picture's size, layout and colour (resolved: no gaps in matrix, range, siting).
struct PictureDesc {
    int width = 0;   ///< luma samples
    int height = 0;  ///< luma lines
    PixelFormat format;
    ColorDescription color;

    friend bool operator==(const PictureDesc&, const PictureDesc&) = default;
};

/// Samples in one row of plane `plane` (semi-planar chroma: pairs count as two samples).
[[nodiscard]] int plane_samples(const PictureDesc& desc, int plane);
/// Rows of plane `plane`.
[[nodiscard]] int plane_rows(const PictureDesc& desc, int plane);

/// FFmpeg's name of the layout ("yuv420p10le", "nv12", "gbrp", "gray"), whatever FFmpeg calls full range.
[[nodiscard]] std::string name(const PixelFormat& format);

}  // namespace millrace::core
