#pragma once
// The common way of ToPicture: 16 bytes of elements of each channel at a time, in two rows, and their chroma. Private
// to src/ops.
//
// A block of `pairs` row pairs goes down the picture in three steps: read_row() of each row, down_row() of its chroma
// with what the strips beside it give, and down_strip() over the rows. A block needs a row more above and below.

#include "ops/to_picture_pixel.h"
#include "ops/to_tensor_strip.h"

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): places within a strip are small numbers
namespace millrace::ops::both {

/// Cb and Cr of the pixels of a strip in one row.
template <int P>
struct ChromaRow {
    float cb[length(P)] = {};
    float cr[length(P)] = {};
};

/// Words of a row of a strip: three channels of 16 bytes, as they lie in the tensor.
struct RawRow {
    std::uint32_t words[12] = {};
};

/// The same words out of packed pixels.
MILLRACE_BOTH void load_packed(const ToPictureArgs& a, int x, int y, RawRow& row) {
    const TensorView& in = a.in;
    const std::int64_t pixel = 2 * static_cast<std::int64_t>(in.packed);  // bytes
    const std::byte* from =
        in.data + ((y >> in.shift) * static_cast<std::int64_t>(in.width >> in.shift) + (x >> in.shift)) * pixel;
    std::uint32_t channels[3][4];
    if (in.shift == 1) {
        // Two elements of a channel in each row of a block, a word.
        const bool below = (y & 1) != 0;
        MILLRACE_UNROLL
        for (int i = 0; i < 4; ++i) {
            std::uint32_t words[6];
            load<16>(from + i * pixel, words);
            load<8>(from + i * pixel + 16, words + 4);
            MILLRACE_UNROLL
            for (int c = 0; c < 3; ++c) channels[c][i] = below ? words[2 * c + 1] : words[2 * c];
        }
    } else {
        MILLRACE_UNROLL
        for (int i = 0; i < 4; ++i) {
            std::uint32_t even[2];
            std::uint32_t odd[2];
            load<8>(from + 2 * i * pixel, even);
            load<8>(from + (2 * i + 1) * pixel, odd);
            channels[0][i] = permute(even[0], odd[0], 0x5410U);
            channels[1][i] = permute(even[0], odd[0], 0x7632U);
            channels[2][i] = permute(even[1], odd[1], 0x5410U);
        }
    }
    const bool swapped = in.channels == Channels::bgr;
    MILLRACE_UNROLL
    for (int i = 0; i < 4; ++i) {
        row.words[i] = swapped ? channels[2][i] : channels[0][i];
        row.words[4 + i] = channels[1][i];
        row.words[8 + i] = swapped ? channels[0][i] : channels[2][i];
    }
}

template <class T>
MILLRACE_BOTH void load_elements(const ToPictureArgs& a, int x, int y, RawRow& row) {
    if constexpr (sizeof(T) == 2) {
        if (a.in.packed > 0) return load_packed(a, x, y, row);
    }
    const StripElements& e = a.elements;
    const std::byte* from = a.in.data + y * e.row + x * e.pixel + e.chunk;
    MILLRACE_UNROLL
    for (int c = 0; c < 3; ++c) load<16>(from + c * e.behind, row.words + 4 * c);
}

MILLRACE_BOTH float element_of(const std::uint32_t* words, const float* /*kind*/, int i) {
    return float_of_bits(words[i]);
}
MILLRACE_BOTH float element_of(const std::uint32_t* words, const std::uint16_t* /*kind*/, int i) {
    return of_half(static_cast<std::uint16_t>(words[i / 2] >> (i % 2 == 0 ? 0U : 16U)));
}

/// Whether no element is NaN and no colour beyond the limit.
MILLRACE_BOTH bool plain(const StripElements& e, const RawRow& raw, const std::uint16_t* /*kind*/) {
    std::uint32_t most = 0;
    MILLRACE_UNROLL
    for (const std::uint32_t word : raw.words) most = max_magnitudes(most, word);
    return (most & 0x7FFFU) < e.unsafe && (most >> 16U & 0x7FFFU) < e.unsafe;
}
MILLRACE_BOTH bool plain(const StripElements& e, const RawRow& raw, const float* /*kind*/) {
    float most = 0.0F;
    MILLRACE_UNROLL
    for (const std::uint32_t word : raw.words) most = max_magnitude(most, float_of_bits(word));
    return (bits_of(most) & 0x7FFFFFFFU) < e.unsafe;
}

/// Elements of R, G, B as numbers. Mixed (nhwc) is known to the compiler, so that words are found in registers.
template <class T, bool Mixed>
MILLRACE_BOTH void numbers_of(const RawRow& raw, float (*numbers)[length(strip_pixels<T>)]) {
    constexpr int pixels = strip_pixels<T>;
    const T* kind = nullptr;
    MILLRACE_UNROLL
    for (int c = 0; c < 3; ++c) {
        MILLRACE_UNROLL
        for (int i = 0; i < pixels; ++i)
            numbers[c][i] = element_of(raw.words, kind, Mixed ? 3 * i + c : c * pixels + i);
    }
}

/// Elements to colours R, G, B.
template <class T>
MILLRACE_BOTH void colors_of(const ToPictureArgs& a, const RawRow& raw, float (*colors)[length(strip_pixels<T>)],
                             NanCount& nan) {
    constexpr int pixels = strip_pixels<T>;
    const StripElements& e = a.elements;
    const T* kind = nullptr;
    if (a.in.nhwc) {
        numbers_of<T, true>(raw, colors);
        MILLRACE_UNROLL
        for (int i = 0; i < pixels; ++i) {
            const float first = colors[0][i];
            colors[0][i] = e.swapped ? colors[2][i] : first;
            colors[2][i] = e.swapped ? first : colors[2][i];
        }
    } else {
        numbers_of<T, false>(raw, colors);
    }
    // Nearly always none is NaN or beyond the limit, and neither needs to be looked for one by one.
    const bool checked = !plain(e, raw, kind);
    if (!checked && e.same_color) return;
    MILLRACE_UNROLL
    for (int c = 0; c < 3; ++c) {
        const auto channel = static_cast<std::size_t>(c);
        MILLRACE_UNROLL
        for (int i = 0; i < pixels; ++i) {
            const float element = colors[c][i];
            nan.seen += element != element ? 1U : 0U;
            colors[c][i] = checked ? color_of_element(e.color, channel, element) : apply(e.color, channel, element);
        }
    }
}

/// A number as a code in the low bits of a float's (ops/formula.h, code_of and round_half_even). `span` and `offset`
/// are in units of 2^depth.
MILLRACE_BOTH std::uint32_t code_bits(const StripCodes& s, float number, float span, float offset) {
    const float code = min_of(saturate(number * span + offset), s.most);
    return bits_of(exact_product_plus(code, s.unit, 8388608.0F));
}

/// N codes, packed.
template <int N>
MILLRACE_BOTH void pack(const std::uint32_t* codes, const std::uint8_t* /*kind*/, int /*shift*/, std::uint32_t* words) {
    if constexpr (N == 2) {
        words[0] = permute(codes[0], codes[1], 0x0040U);
    } else {
        MILLRACE_UNROLL
        for (int i = 0; i < N / 4; ++i) {
            const std::uint32_t low = permute(codes[4 * i], codes[4 * i + 1], 0x0040U);
            const std::uint32_t high = permute(codes[4 * i + 2], codes[4 * i + 3], 0x0040U);
            words[i] = permute(low, high, 0x5410U);
        }
    }
}
template <int N>
MILLRACE_BOTH void pack(const std::uint32_t* codes, const std::uint16_t* /*kind*/, int shift, std::uint32_t* words) {
    MILLRACE_UNROLL
    for (int i = 0; i < N / 2; ++i) words[i] = permute(codes[2 * i], codes[2 * i + 1], 0x5410U) << shift;
}

template <class S, int N>
MILLRACE_BOTH void store_codes(std::byte* to, const std::uint32_t* codes, int shift) {
    constexpr int bytes = N * static_cast<int>(sizeof(S));
    const S* kind = nullptr;
    std::uint32_t words[length(bytes < 4 ? 1 : bytes / 4)];
    pack<N>(codes, kind, shift, words);
    store<bytes>(to, words);
}

template <class S, int N>
MILLRACE_BOTH void store_luma(const ToPictureArgs& a, int x, int y, const float* luma) {
    const StripCodes& s = a.strip;
    std::uint32_t codes[length(N)];
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) codes[i] = code_bits(s, luma[i], s.luma_span, s.luma_offset);
    store_codes<S, N>(a.out.planes[0] + a.out.pitches[0] * y + x * static_cast<int>(sizeof(S)), codes, a.out.shift);
}

/// N chroma samples from x of the plane on.
template <class S, int N>
MILLRACE_BOTH void store_chroma(const ToPictureArgs& a, int x, int y, const ChromaRow<N>& row) {
    const StripCodes& s = a.strip;
    const PictureView& out = a.out;
    constexpr int size = static_cast<int>(sizeof(S));
    std::uint32_t cb[length(N)];
    std::uint32_t cr[length(N)];
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) {
        cb[i] = code_bits(s, row.cb[i], s.chroma_span, s.chroma_offset);
        cr[i] = code_bits(s, row.cr[i], s.chroma_span, s.chroma_offset);
    }
    std::byte* to = out.planes[1] + out.pitches[1] * y;
    if (!out.paired) {
        store_codes<S, N>(to + x * size, cb, out.shift);
        store_codes<S, N>(out.planes[2] + out.pitches[2] * y + x * size, cr, out.shift);
        return;
    }
    std::uint32_t both[length(2 * N)];
    MILLRACE_UNROLL
    for (int i = 0; i < 2 * N; ++i) both[i] = i % 2 == 0 ? cb[i / 2] : cr[i / 2];
    store_codes<S, 2 * N>(to + 2 * x * size, both, out.shift);
}

/// R, G, B elements of the pixel at (x, y), which lies in the picture.
template <class T>
MILLRACE_BOTH void load_pixel(const ToPictureArgs& a, int x, int y, T* elements) {
    const StripElements& e = a.elements;
    const std::byte* from = a.in.data + y * e.row + x * e.pixel + e.red;
    std::int64_t next = e.next;
    if (a.in.packed > 0) {
        const bool swapped = a.in.channels == Channels::bgr;
        const std::int64_t step = static_cast<std::int64_t>(sizeof(T)) << (2 * a.in.shift);
        from = a.in.data + static_cast<std::int64_t>(sizeof(T)) * packed_place(a.in, x, y, swapped ? 2 : 0);
        next = swapped ? -step : step;
    }
    MILLRACE_UNROLL
    for (int c = 0; c < 3; ++c) elements[c] = *reinterpret_cast<const T*>(from + c * next);
}

/// Chroma of such a pixel; its NaN are counted with its own strip.
template <class T>
MILLRACE_BOTH Pair chroma_of_pixel(const ToPictureArgs& a, const T* elements) {
    float color[3];
    MILLRACE_UNROLL
    for (int c = 0; c < 3; ++c) {
        color[c] = color_of_element(a.elements.color, static_cast<std::size_t>(c), get(elements + c));
    }
    const Triple yuv = yuv_of_rgb(a.to_yuv, {color[0], color[1], color[2]});
    return {yuv.b, yuv.c};
}

/// Whether a row is the block's own (its luma is written, its NaN counted) or read for its chroma alone.
enum class RowUse { own, chroma };

/// Row y of the strip at x: writes its luma, gives its chroma.
template <class S, class T>
MILLRACE_BOTH void read_row(const ToPictureArgs& a, int x, int y, const RawRow& raw, RowUse use, NanCount& nan,
                            ChromaRow<strip_pixels<T>>& chroma) {
    constexpr int pixels = strip_pixels<T>;
    float colors[3][length(pixels)];
    float luma[length(pixels)];
    NanCount seen;
    colors_of<T>(a, raw, colors, seen);
    MILLRACE_UNROLL
    for (int i = 0; i < pixels; ++i) {
        const Triple yuv = yuv_of_rgb(a.to_yuv, {colors[0][i], colors[1][i], colors[2][i]});
        luma[i] = yuv.a;
        chroma.cb[i] = yuv.b;
        chroma.cr[i] = yuv.c;
    }
    if (use != RowUse::own) return;
    nan.seen += seen.seen;
    store_luma<S, pixels>(a, x, y, luma);
}

/// Chroma of a row, halved across where W is 1. `before` and `after` are of the pixels beside the strip.
template <int P, int W>
MILLRACE_BOTH void down_row(const ToPictureArgs& a, const ChromaRow<P>& in, const Pair& before, const Pair& after,
                            ChromaRow<(P >> W)>& out) {
    if constexpr (W == 0) {
        out = in;
    } else {
        Pair x[length(P + 2)];  // from the one before on
        x[0] = before;
        x[P + 1] = after;
        MILLRACE_UNROLL
        for (int i = 0; i < P; ++i) x[i + 1] = {in.cb[i], in.cr[i]};
        const bool cosited = a.out.across == Site::first;
        Pair samples[length(P / 2)];
        if (cosited) {
            MILLRACE_UNROLL
            for (int i = 0; i < P / 2; ++i) samples[i] = down(x[2 * i], x[2 * i + 1], x[2 * i + 2]);
        } else {
            MILLRACE_UNROLL
            for (int i = 0; i < P / 2; ++i) samples[i] = down(x[2 * i], x[2 * i + 1], x[2 * i + 2], x[2 * i + 3]);
        }
        MILLRACE_UNROLL
        for (int i = 0; i < P / 2; ++i) {
            out.cb[i] = samples[i].cb;
            out.cr[i] = samples[i].cr;
        }
    }
}

/// Four rows of halved chroma, from luma row 2 k - 1 on, to row k of the planes.
template <int N>
MILLRACE_BOTH void down_strip(Site site, const ChromaRow<N>* rows, ChromaRow<N>& out) {
    Pair x[4][length(N)];
    MILLRACE_UNROLL
    for (int r = 0; r < 4; ++r) {
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) x[r][i] = {rows[r].cb[i], rows[r].cr[i]};
    }
    Pair samples[length(N)];
    if (site == Site::midway) {
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) samples[i] = down(x[0][i], x[1][i], x[2][i], x[3][i]);
    } else if (site == Site::first) {
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) samples[i] = down(x[0][i], x[1][i], x[2][i]);
    } else {
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) samples[i] = down(x[1][i], x[2][i], x[3][i]);
    }
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) {
        out.cb[i] = samples[i].cb;
        out.cr[i] = samples[i].cr;
    }
}

/// Row y of the luma strip at x, for tensors of luma alone.
template <class S, class T>
MILLRACE_BOTH void put_luma_strip(const ToPictureArgs& a, int x, int y, NanCount& nan) {
    constexpr int pixels = strip_pixels<T>;
    const T* kind = nullptr;
    const T* data = reinterpret_cast<const T*>(a.in.data);
    std::uint32_t words[4];
    load<16>(reinterpret_cast<const std::byte*>(data + static_cast<std::int64_t>(y) * a.in.width + x), words);
    float luma[length(pixels)];
    MILLRACE_UNROLL
    for (int i = 0; i < pixels; ++i) {
        const float element = element_of(words, kind, i);
        nan.seen += element != element ? 1U : 0U;
        luma[i] = color_of_element(a.color, 0, element);
    }
    store_luma<S, pixels>(a, x, y, luma);
}

}  // namespace millrace::ops::both
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
