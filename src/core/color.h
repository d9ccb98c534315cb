#pragma once
// Colour as sources describe it: code points of ITU-T H.273 (CICP), and how gaps are filled.

#include <cstdint>
#include <string>

namespace millrace::core {

/// MatrixCoefficients, H.273 table 4. Values are the code points.
enum class Matrix : std::uint8_t {
    identity = 0,
    bt709 = 1,
    unspecified = 2,
    fcc = 4,
    bt470bg = 5,
    smpte170m = 6,
    smpte240m = 7,
    ycgco = 8,
    bt2020_ncl = 9,
    bt2020_cl = 10,
    ictcp = 14,
};

/// VideoFullRangeFlag, with a third state for "not said". limited: luma 16..235, chroma 16..240 at 8 bits.
enum class Range : std::uint8_t { unspecified, limited, full };

/// Where a 4:2:0 or 4:2:2 chroma sample lies relative to the luma samples (H.273 ChromaLocType; JPEG is centre).
/// left: cosited horizontally, midway vertically (type 0). center: midway both (1). top_left: cosited both (2).
/// top: midway horizontally, cosited vertically (3). bottom_left (4), bottom (5).
enum class ChromaSiting : std::uint8_t { unspecified, left, center, top_left, top, bottom_left, bottom };

/// How one picture's numbers mean colour. primaries and transfer are H.273 code points (2: unspecified), carried but
/// not converted.
struct ColorDescription {
    Matrix matrix = Matrix::unspecified;
    Range range = Range::unspecified;
    std::uint8_t primaries = 2;
    std::uint8_t transfer = 2;
    ChromaSiting siting = ChromaSiting::unspecified;

    friend bool operator==(const ColorDescription&, const ColorDescription&) = default;
};

/// Where a resolved value came from: the stream said so, the rule filled it in, or the user said so.
enum class ColorOrigin : std::uint8_t { stream, rule, user };

/// A description without gaps in matrix, range and siting, with each value's origin.
struct ResolvedColor {
    ColorDescription value;
    ColorOrigin matrix_from = ColorOrigin::stream;
    ColorOrigin range_from = ColorOrigin::stream;
    ColorOrigin siting_from = ColorOrigin::stream;
    ColorOrigin primaries_from = ColorOrigin::stream;
    ColorOrigin transfer_from = ColorOrigin::stream;
};

/// What the rule needs to know about a stream beside its description.
struct ColorContext {
    int height = 0;                ///< coded picture height in lines
    bool rgb = false;              ///< the samples are R, G, B: matrix identity, range full
    bool centered_chroma = false;  ///< MPEG-1, JPEG: chroma centre by default; all else left
    bool full_range = false;       ///< JPEG ("yuvj") formats: range full by default
};

/// Fill what `declared` leaves out. Matrix: BT.709 from 720 lines up, BT.601 (smpte170m) below. Range: limited. Siting:
/// left, or centre for MPEG-1 and JPEG. Primaries and transfer stay unspecified: nothing is converted by them.
[[nodiscard]] ResolvedColor resolve_color(const ColorDescription& declared, const ColorContext& context);

/// Luma weights of a matrix, H.273 section 8.3 (Kr, Kb; Kg = 1 - Kr - Kb).
struct LumaWeights {
    double kr;
    double kb;
};

/// True where ops can convert: bt709, fcc, bt470bg, smpte170m, smpte240m, bt2020_ncl, and identity for RGB.
[[nodiscard]] bool is_convertible(Matrix matrix);

/// The weights of a convertible matrix other than identity (asserted).
[[nodiscard]] LumaWeights luma_weights(Matrix matrix);

[[nodiscard]] const char* name(Matrix matrix);
[[nodiscard]] const char* name(Range range);
[[nodiscard]] const char* name(ChromaSiting siting);
[[nodiscard]] const char* name(ColorOrigin origin);

/// FFmpeg's names ("bt709", "smpte2084", ...); the number in text where there is no name.
[[nodiscard]] std::string primaries_name(std::uint8_t primaries);
[[nodiscard]] std::string transfer_name(std::uint8_t transfer);

}  // namespace millrace::core
