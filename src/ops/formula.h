#pragma once
// The colour formula, once: coefficients, and the order of float32 operations that every version of an op follows bit
// for bit. docs/colour.md explains it. All functions are constexpr, so that device code can call them too; they are
// only right without contraction of multiply and add (-ffp-contract=off, --fmad=false).

#include <array>
#include <bit>
#include <cstdint>

#include "core/half.h"
#include "core/picture_desc.h"
#include "ops/spec.h"

namespace millrace::ops {

/// How codes of one depth and range mean numbers (H.273 section 8.3): luma and R, G, B are (code - luma_offset) /
/// luma_span, nominally 0..1; chroma is (code - chroma_offset) / chroma_span, nominally -0.5..0.5.
struct CodeScale {
    float luma_offset = 0;
    float luma_span = 1;
    float luma_step = 1;  ///< 1 / luma_span, rounded to float32
    float chroma_offset = 0;
    float chroma_span = 1;
    float chroma_step = 1;  ///< 1 / chroma_span, rounded to float32
    float maximum = 0;      ///< 2^depth - 1
};

[[nodiscard]] CodeScale code_scale(int depth, core::Range range);

/// Y'CbCr codes to R'G'B' in 0..1. Each coefficient is computed in float64 and rounded once.
struct FromYuv {
    float luma_offset = 0;
    float chroma_offset = 0;
    float y = 0;
    float r_cr = 0;
    float g_cb = 0;
    float g_cr = 0;
    float b_cb = 0;
};

/// `matrix` is convertible and not identity (asserted).
[[nodiscard]] FromYuv from_yuv(core::Matrix matrix, int depth, core::Range range);
/// The same for chroma and luma that are numbers already (offsets 0, spans 1).
[[nodiscard]] FromYuv from_yuv(core::Matrix matrix);

/// R'G'B' in 0..1 to Y' in 0..1 and Cb, Cr in -0.5..0.5.
struct ToYuv {
    float kr = 0;
    float kg = 0;
    float kb = 0;
    float cb = 0;  ///< 1 / (2 (1 - Kb))
    float cr = 0;  ///< 1 / (2 (1 - Kr))
};

[[nodiscard]] ToYuv to_yuv(core::Matrix matrix);

/// result = x * scale + bias, one pair a channel.
struct Affine {
    std::array<float, 3> scale{1, 1, 1};
    std::array<float, 3> bias{0, 0, 0};
};

/// Colour (0..1) to tensor element: scale = white / std, bias = -mean / std. Indexed by tensor channel.
[[nodiscard]] Affine element_from_color(const TensorSpec& spec);
/// Tensor element to colour: scale = std / white, bias = mean / white. Indexed by tensor channel.
[[nodiscard]] Affine color_from_element(const TensorSpec& spec);

struct Triple {
    float a = 0;
    float b = 0;
    float c = 0;
};

/// A luma, R, G or B code to 0..1.
[[nodiscard]] constexpr float number_of_luma(const CodeScale& s, float code) {
    return (code - s.luma_offset) * s.luma_step;
}
/// A chroma code to -0.5..0.5.
[[nodiscard]] constexpr float number_of_chroma(const CodeScale& s, float code) {
    return (code - s.chroma_offset) * s.chroma_step;
}

/// Y'CbCr (codes; chroma already at luma resolution, exact multiples of 1/16) to R, G, B.
[[nodiscard]] constexpr Triple rgb_of_yuv(const FromYuv& m, const Triple& yuv) {
    const float luma = (yuv.a - m.luma_offset) * m.y;
    const float cb = yuv.b - m.chroma_offset;
    const float cr = yuv.c - m.chroma_offset;
    return {luma + cr * m.r_cr, (luma + cb * m.g_cb) + cr * m.g_cr, luma + cb * m.b_cb};
}

/// R, G, B to Y', Cb, Cr.
[[nodiscard]] constexpr Triple yuv_of_rgb(const ToYuv& m, const Triple& rgb) {
    const float luma = (rgb.a * m.kr + rgb.b * m.kg) + rgb.c * m.kb;
    return {luma, (rgb.c - luma) * m.cb, (rgb.a - luma) * m.cr};
}

[[nodiscard]] constexpr float apply(const Affine& map, std::size_t channel, float x) {
    return x * map.scale[channel] + map.bias[channel];
}

/// Colour of a tensor element may lie outside 0..1; beyond this it is clipped, so that infinities stay ordered.
inline constexpr float color_limit = 65536.0F;

/// A tensor element to colour: NaN counts as 0, infinities are clipped.
[[nodiscard]] constexpr float color_of_element(const Affine& map, std::size_t channel, float element) {
    const float number = element == element ? element : 0.0F;
    const float color = apply(map, channel, number);
    const float above = color > -color_limit ? color : -color_limit;
    return above < color_limit ? above : color_limit;
}

/// Round half to even, of 0 <= x < 2^22: the sum leaves no fraction bits, and additions round half to even.
[[nodiscard]] constexpr float round_half_even(float x) {
    constexpr float no_fraction = 8388608.0F;
    return (x + no_fraction) - no_fraction;
}

/// A number to a code: scaled, clipped to 0..maximum, rounded.
[[nodiscard]] constexpr float code_of(float number, float span, float offset, float maximum) {
    const float code = number * span + offset;
    const float above = code > 0.0F ? code : 0.0F;
    return round_half_even(above < maximum ? above : maximum);
}

/// Chroma down, one axis. Cosited: the sample's neighbours and the sample. Midway: the four samples around.
[[nodiscard]] constexpr float down_cosited(float before, float at, float after) {
    return (before + after) * 0.25F + at * 0.5F;
}
[[nodiscard]] constexpr float down_midway(const std::array<float, 4>& x) {
    return (x[0] + x[3]) * 0.125F + (x[1] + x[2]) * 0.375F;
}

using core::float_of_half;
using core::half_of_float;

/// Where chroma lies on one axis relative to the pair of luma samples 2k, 2k + 1 that it belongs to.
enum class Site : std::uint8_t { first, midway, second };

[[nodiscard]] Site horizontal_site(core::ChromaSiting siting);
[[nodiscard]] Site vertical_site(core::ChromaSiting siting);

/// Distance of the chroma sample from luma sample 2k, in luma samples.
[[nodiscard]] constexpr double site_offset(Site site) {
    return site == Site::first ? 0.0 : site == Site::midway ? 0.5 : 1.0;
}

/// Bilinear chroma up, one axis: luma sample x takes near * sample[at] + (1 - near) * sample[other]; indices are
/// clamped to the plane by the caller. Weights are quarters, codes have at most 12 bits, so both axes together are
/// exact in float32 and any order gives the same.
struct UpTap {
    int at = 0;
    int other = 0;
    float near = 1;
};

[[nodiscard]] constexpr UpTap up_tap(Site site, int x) {
    const int k = x / 2;
    const bool odd = x % 2 != 0;
    if (site == Site::midway) return {k, odd ? k + 1 : k - 1, 0.75F};
    if (site == Site::first) return odd ? UpTap{k, k + 1, 0.5F} : UpTap{k, k, 1.0F};
    return odd ? UpTap{k, k, 1.0F} : UpTap{k, k - 1, 0.5F};
}

}  // namespace millrace::ops
