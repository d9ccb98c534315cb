#pragma once
// ToPicture one chroma sample and its pixels at a time: what the kernels do, and the host's tests too. Private to
// src/ops.

#include "ops/picture_view.h"
#include "ops/to_picture_host.h"
#include "ops/to_tensor_pixel.h"

namespace millrace::ops {

/// Chroma of another picture; see ChromaPlan.
struct ChromaArgs {
    bool borrowed = false;
    PictureView in;
    CodeScale codes;
    ToYuv to_yuv;
    FromYuv from_yuv;
    WeightsView x;
    WeightsView y;
};

/// Codes of strips, in units of 2^depth, a power of two: the roundings are those of whole codes, and what is below 0 or
/// far above is cut off by the instruction that adds the offset.
struct StripCodes {
    float luma_span = 1;
    float luma_offset = 0;
    float chroma_span = 1;
    float chroma_offset = 0;
    float most = 1;  ///< maximum / 2^depth
    float unit = 1;  ///< 2^depth
};

/// Where elements of R, G, B strips lie, in bytes from the tensor's first; the same steps for all layouts and orders.
struct StripElements {
    std::int64_t row = 0;    ///< from row to row
    std::int64_t pixel = 0;  ///< from pixel to pixel
    std::int64_t red = 0;    ///< from a pixel to its red element, and on to green, and on to blue
    std::int64_t next = 0;
    std::int64_t chunk = 0;  ///< from a strip to the first of its three times 16 bytes, and on to the next
    std::int64_t behind = 0;
    bool swapped = false;      ///< blue comes first within the chunks (nhwc)
    Affine color;              ///< to colours, in the order R, G, B
    bool same_color = false;   ///< elements are colours already: `color` changes none but the sign of 0
    std::uint32_t unsafe = 0;  ///< magnitude, as bits of an element, from which colours may exceed color_limit
};

struct ToPictureArgs {
    TensorView in;
    PictureView out;
    CodeScale codes;
    StripElements elements;
    StripCodes strip;
    Affine color;
    ToYuv to_yuv;
    FromYuv from_yuv;
    ChromaArgs chroma;
};

/// `chroma` may be null; its weights are left out: the caller has them where the kernel can read them.
[[nodiscard]] ToPictureArgs to_picture_args(const ToPicturePlan& plan, const device::Tensor& tensor,
                                            const BorrowedChroma* chroma, const device::Picture& picture);

/// True where strips of 16 bytes of elements fit: R, G, B to Y'CbCr, or luma alone; aligned rows.
[[nodiscard]] bool takes_strips(const ToPicturePlan& plan, const ToPictureArgs& args);

namespace both {

/// NaN seen so far by one thread.
struct NanCount {
    std::uint32_t seen = 0;
};

MILLRACE_BOTH float get(const float* from) { return *from; }
MILLRACE_BOTH float get(const std::uint16_t* from) { return of_half(*from); }

/// Colour of an element of tensor channel `channel`.
template <class T>
MILLRACE_BOTH float element_color(const ToPictureArgs& a, int channel, int x, int y, NanCount& nan) {
    const float element = get(reinterpret_cast<const T*>(a.in.data) + place_of(a.in, x, y, channel));
    nan.seen += element != element ? 1U : 0U;
    return color_of_element(a.color, static_cast<std::size_t>(channel), element);
}

/// R, G, B, or Y', Cb, Cr around 0.5, or Y' alone, of a pixel.
template <class T>
MILLRACE_BOTH Triple tensor_color(const ToPictureArgs& a, int x, int y, NanCount& nan) {
    const float first = element_color<T>(a, 0, x, y, nan);
    if (a.in.channels == Channels::luma) return {first, first, first};
    const float second = element_color<T>(a, 1, x, y, nan);
    const float third = element_color<T>(a, 2, x, y, nan);
    if (a.in.channels == Channels::bgr) return {third, second, first};
    return {first, second, third};
}

/// Y', Cb, Cr around 0; chroma of luma tensors means nothing.
MILLRACE_BOTH Triple yuv_of_color(const ToPictureArgs& a, const Triple& color) {
    if (a.in.channels == Channels::luma) return color;
    if (a.in.channels == Channels::yuv) return {color.a, color.b + -0.5F, color.c + -0.5F};
    return yuv_of_rgb(a.to_yuv, color);
}

struct Pair {
    float cb = 0;
    float cr = 0;
};

/// Chroma numbers of the borrowed picture at (x, y) of its chroma plane (of the picture, where it is R, G, B).
template <class B>
MILLRACE_BOTH Pair source_chroma(const ChromaArgs& c, int x, int y) {
    if (c.in.family == core::ColorFamily::rgb) {
        const Triple rgb{number_of_luma(c.codes, code_at<B>(c.in, 0, x, y)),
                         number_of_luma(c.codes, code_at<B>(c.in, 1, x, y)),
                         number_of_luma(c.codes, code_at<B>(c.in, 2, x, y))};
        const Triple yuv = yuv_of_rgb(c.to_yuv, rgb);
        return {yuv.b, yuv.c};
    }
    return {number_of_chroma(c.codes, code_at<B>(c.in, 1, x, y)), number_of_chroma(c.codes, code_at<B>(c.in, 2, x, y))};
}

/// The same scaled to (x, y) of the output's chroma plane; see ChromaScaler.
template <class B>
MILLRACE_BOTH Pair scaled_chroma(const ChromaArgs& c, int x, int y) {
    Pair out;
    for (int j = 0; j < c.y.taps; ++j) {
        Pair row;
        for (int i = 0; i < c.x.taps; ++i) {
            const Pair value = source_chroma<B>(c, c.x.first[x] + i, c.y.first[y] + j);
            const float weight = c.x.weights[i * c.x.stride + x];
            const Pair term{value.cb * weight, value.cr * weight};
            row = i == 0 ? term : Pair{row.cb + term.cb, row.cr + term.cr};
        }
        const float weight = c.y.weights[j * c.y.stride + y];
        const Pair term{row.cb * weight, row.cr * weight};
        out = j == 0 ? term : Pair{out.cb + term.cb, out.cr + term.cr};
    }
    return out;
}

MILLRACE_BOTH Pair own_chroma(const ChromaArgs& c, int x, int y) {
    if (!c.borrowed) return {};
    return c.in.bytes == 1 ? scaled_chroma<std::uint8_t>(c, x, y) : scaled_chroma<std::uint16_t>(c, x, y);
}

/// Writes R, G, B or gray of one pixel.
template <class S, class T>
MILLRACE_BOTH void put_pixel(const ToPictureArgs& a, int x, int y, NanCount& nan) {
    const Triple color = tensor_color<T>(a, x, y, nan);
    const CodeScale& s = a.codes;
    if (a.out.family == core::ColorFamily::gray) {
        const float luma = yuv_of_color(a, color).a;
        put_code<S>(a.out, 0, x, y, code_of(luma, s.luma_span, s.luma_offset, s.maximum));
        return;
    }
    Triple rgb = color;
    if (a.in.channels == Channels::yuv) {
        rgb = rgb_of_yuv(a.from_yuv, yuv_of_color(a, color));
    } else if (a.in.channels == Channels::luma && a.chroma.borrowed) {
        const Pair chroma = own_chroma(a.chroma, x, y);
        rgb = rgb_of_yuv(a.chroma.from_yuv, {color.a, chroma.cb, chroma.cr});
    }
    put_code<S>(a.out, 0, x, y, code_of(rgb.a, s.luma_span, s.luma_offset, s.maximum));
    put_code<S>(a.out, 1, x, y, code_of(rgb.b, s.luma_span, s.luma_offset, s.maximum));
    put_code<S>(a.out, 2, x, y, code_of(rgb.c, s.luma_span, s.luma_offset, s.maximum));
}

template <class S>
MILLRACE_BOTH void put_chroma(const ToPictureArgs& a, int x, int y, const Pair& chroma) {
    const CodeScale& s = a.codes;
    put_code<S>(a.out, 1, x, y, code_of(chroma.cb, s.chroma_span, s.chroma_offset, s.maximum));
    put_code<S>(a.out, 2, x, y, code_of(chroma.cr, s.chroma_span, s.chroma_offset, s.maximum));
}

/// Chroma of the tensor at luma position (x, y), beyond the edges theirs.
template <class T>
MILLRACE_BOTH Pair chroma_number(const ToPictureArgs& a, int x, int y) {
    NanCount counted_elsewhere;
    const Triple color = tensor_color<T>(a, clamp_to(x, a.out.width), clamp_to(y, a.out.height), counted_elsewhere);
    const Triple yuv = yuv_of_color(a, color);
    return {yuv.b, yuv.c};
}

// down_cosited() and down_midway() of ops/formula.h: a product by a power of two is exact.
MILLRACE_BOTH float down(float before, float at, float after) {
    return exact_product_plus(before + after, 0.25F, at * 0.5F);
}
MILLRACE_BOTH float down(float x0, float x1, float x2, float x3) {
    return exact_product_plus(x0 + x3, 0.125F, (x1 + x2) * 0.375F);
}

MILLRACE_BOTH Pair down(const Pair& before, const Pair& at, const Pair& after) {
    return {down(before.cb, at.cb, after.cb), down(before.cr, at.cr, after.cr)};
}
MILLRACE_BOTH Pair down(const Pair& x0, const Pair& x1, const Pair& x2, const Pair& x3) {
    return {down(x0.cb, x1.cb, x2.cb, x3.cb), down(x0.cr, x1.cr, x2.cr, x3.cr)};
}

/// Chroma column `x` of the plane, at luma row `y`.
template <class T>
MILLRACE_BOTH Pair down_across(const ToPictureArgs& a, int x, int y) {
    if (a.out.log2_w == 0) return chroma_number<T>(a, x, y);
    const Pair before = chroma_number<T>(a, 2 * x - 1, y);
    const Pair at = chroma_number<T>(a, 2 * x, y);
    const Pair after = chroma_number<T>(a, 2 * x + 1, y);
    if (a.out.across == Site::first) return down(before, at, after);
    return down(before, at, after, chroma_number<T>(a, 2 * x + 2, y));
}

/// Sample (x, y) of the chroma planes.
template <class T>
MILLRACE_BOTH Pair down_both(const ToPictureArgs& a, int x, int y) {
    if (a.out.log2_h == 0) return down_across<T>(a, x, y);
    const int first = a.out.down == Site::second ? 2 * y : 2 * y - 1;
    const Pair before = down_across<T>(a, x, first);
    const Pair at = down_across<T>(a, x, first + 1);
    const Pair after = down_across<T>(a, x, first + 2);
    if (a.out.down != Site::midway) return down(before, at, after);
    return down(before, at, after, down_across<T>(a, x, first + 3));
}

/// One chroma sample and the pixels that belong to it; a pixel, where the output has no chroma planes of its own size.
template <class S, class T>
MILLRACE_BOTH void put_cell(const ToPictureArgs& a, int x, int y, NanCount& nan) {
    if (a.out.family != core::ColorFamily::yuv) {
        put_pixel<S, T>(a, x, y, nan);
        return;
    }
    const CodeScale& s = a.codes;
    for (int ly = y << a.out.log2_h; ly < ((y + 1) << a.out.log2_h) && ly < a.out.height; ++ly) {
        for (int lx = x << a.out.log2_w; lx < ((x + 1) << a.out.log2_w) && lx < a.out.width; ++lx) {
            const float luma = yuv_of_color(a, tensor_color<T>(a, lx, ly, nan)).a;
            put_code<S>(a.out, 0, lx, ly, code_of(luma, s.luma_span, s.luma_offset, s.maximum));
        }
    }
    const bool own = a.in.channels == Channels::luma;
    put_chroma<S>(a, x, y, own ? own_chroma(a.chroma, x, y) : down_both<T>(a, x, y));
}

}  // namespace both
}  // namespace millrace::ops
