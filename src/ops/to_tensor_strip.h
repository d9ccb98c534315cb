#pragma once
// The common way of ToTensor: 16 bytes of elements of each channel at a time, in two rows. Private to src/ops.

#include "ops/to_tensor_pixel.h"

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): places within a strip are small numbers
namespace millrace::ops::both {

/// Pixels of a strip.
template <class T>
inline constexpr int strip_pixels = 16 / static_cast<int>(sizeof(T));

/// A float of 2^23 + code: taking an offset off leaves the exact difference.
inline constexpr std::uint32_t code_exponent = 0x4B000000U;

/// Byte i of the words as a code.
MILLRACE_BOTH float code8(const std::uint32_t* words, int i) {
    return float_of_bits(permute(words[i / 4], code_exponent, 0x7540U + static_cast<std::uint32_t>(i % 4)));
}
/// The low or high half of a word as a code.
MILLRACE_BOTH float code16(std::uint32_t word, bool high) {
    return float_of_bits(permute(word, code_exponent, high ? 0x7432U : 0x7410U));
}

/// Both halves moved down by the samples' shift.
MILLRACE_BOTH std::uint32_t shifted(std::uint32_t word, int shift) {
    return (word >> shift) & ((0xFFFFU >> shift) * 0x10001U);
}

/// Cb and Cr of one chroma position in the halves of a word, Cb low.
MILLRACE_BOTH std::uint32_t pair_at(const PictureView& in, const std::uint8_t* /*kind*/, int x, int y) {
    std::uint32_t word = 0;
    if (in.paired) {
        load<2>(in.planes[1] + in.pitches[1] * y + 2 * x, &word);
        return permute(word, 0, 0x4140U);
    }
    return *sample_at<std::uint8_t>(in, 1, x, y) | static_cast<std::uint32_t>(*sample_at<std::uint8_t>(in, 2, x, y))
                                                       << 16U;
}
MILLRACE_BOTH std::uint32_t pair_at(const PictureView& in, const std::uint16_t* /*kind*/, int x, int y) {
    std::uint32_t word = 0;
    if (in.paired) {
        load<4>(in.planes[1] + in.pitches[1] * y + 4 * x, &word);
    } else {
        word = *sample_at<std::uint16_t>(in, 1, x, y) |
               static_cast<std::uint32_t>(*sample_at<std::uint16_t>(in, 2, x, y)) << 16U;
    }
    return shifted(word, in.shift);
}

/// N such pairs from x (a multiple of N) on.
template <int N>
MILLRACE_BOTH void load_pairs(const PictureView& in, const std::uint8_t* /*kind*/, int x, int y, std::uint32_t* pairs) {
    if (in.paired) {
        std::uint32_t words[length((N + 1) / 2)];
        load<2 * N>(in.planes[1] + in.pitches[1] * y + 2 * x, words);
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) pairs[i] = permute(words[i / 2], 0, i % 2 == 0 ? 0x4140U : 0x4342U);
        return;
    }
    std::uint32_t cb[length((N + 3) / 4)];
    std::uint32_t cr[length((N + 3) / 4)];
    load<N>(in.planes[1] + in.pitches[1] * y + x, cb);
    load<N>(in.planes[2] + in.pitches[2] * y + x, cr);
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) {
        const auto byte = static_cast<std::uint32_t>(i % 4);
        pairs[i] = permute(cb[i / 4], cr[i / 4], byte | (byte + 4) << 4U) & 0xFFFFU;
        pairs[i] = permute(pairs[i], 0, 0x4140U);
    }
}

template <int N>
MILLRACE_BOTH void load_pairs(const PictureView& in, const std::uint16_t* /*kind*/, int x, int y,
                              std::uint32_t* pairs) {
    if (in.paired) {
        load<4 * N>(in.planes[1] + in.pitches[1] * y + 4 * x, pairs);
    } else {
        std::uint32_t cb[length((N + 1) / 2)];
        std::uint32_t cr[length((N + 1) / 2)];
        load<2 * N>(in.planes[1] + in.pitches[1] * y + 2 * x, cb);
        load<2 * N>(in.planes[2] + in.pitches[2] * y + 2 * x, cr);
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) pairs[i] = permute(cb[i / 2], cr[i / 2], i % 2 == 0 ? 0x5410U : 0x7632U);
    }
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) pairs[i] = shifted(pairs[i], in.shift);
}

/// Luma codes of N pixels, each plus 2^23.
template <int N>
MILLRACE_BOTH void load_luma(const PictureView& in, const std::uint8_t* /*kind*/, int x, int y, float* codes) {
    std::uint32_t words[length((N + 3) / 4)];
    load<N>(in.planes[0] + in.pitches[0] * y + x, words);
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) codes[i] = code8(words, i);
}

template <int N>
MILLRACE_BOTH void load_luma(const PictureView& in, const std::uint16_t* /*kind*/, int x, int y, float* codes) {
    std::uint32_t words[length((N + 1) / 2)];
    load<2 * N>(in.planes[0] + in.pitches[0] * y + 2 * x, words);
    MILLRACE_UNROLL
    for (int i = 0; i < N; ++i) codes[i] = code16(shifted(words[i / 2], in.shift), i % 2 != 0);
}

/// The chroma pairs that a strip needs of one row: those over it, and with W one before and one behind.
template <int N, int W>
struct PairRow {
    std::uint32_t at[length(N + 2 * W)] = {};
};

template <class S, int N, int W>
MILLRACE_BOTH void load_row(const ToTensorArgs& a, int x, int y, PairRow<N, W>& row) {
    const PictureView& in = a.in;
    const S* kind = nullptr;
    load_pairs<N>(in, kind, x, y, row.at + W);
    if constexpr (W == 1) {
        // Always, used or not: without branches no load waits for another.
        row.at[0] = pair_at(in, kind, clamp_to(x - 1, in.chroma_width), y);
        row.at[N + 1] = pair_at(in, kind, clamp_to(x + N, in.chroma_width), y);
    }
}

/// One row of a strip, R, G, B elements: `color[c][i]`.
template <int P>
struct StripRow {
    float color[3][length(P)] = {};
};

/// 16 bytes of elements.
MILLRACE_BOTH void pack(const float* /*kind*/, const float* values, std::uint32_t* words) {
    MILLRACE_UNROLL
    for (int i = 0; i < 4; ++i) words[i] = bits_of(values[i]);
}

MILLRACE_BOTH void pack(const std::uint16_t* /*kind*/, const float* values, std::uint32_t* words) {
    MILLRACE_UNROLL
    for (int i = 0; i < 4; ++i) words[i] = halves_of(values[2 * i], values[2 * i + 1]);
}

template <class T>
MILLRACE_BOTH void store_elements(T* to, const float* values) {
    std::uint32_t words[4];
    pack(to, values, words);
    store<16>(reinterpret_cast<std::byte*>(to), words);
}

/// A row's elements pixel by pixel, in three times 16 bytes.
template <class T>
MILLRACE_BOTH void pack_pixels(const StripRow<strip_pixels<T>>& row, std::uint32_t (&words)[3][4]) {
    constexpr int pixels = strip_pixels<T>;
    const T* kind = nullptr;
    float mixed[length(3 * pixels)];
    MILLRACE_UNROLL
    for (int i = 0; i < 3 * pixels; ++i) mixed[i] = row.color[i % 3][i / 3];
    MILLRACE_UNROLL
    for (int i = 0; i < 3; ++i) pack(kind, mixed + i * pixels, words[i]);
}

/// Elements in the tensor's channel order.
template <class T>
MILLRACE_BOTH void store_row(const TensorView& out, int x, int y, const StripRow<strip_pixels<T>>& row) {
    constexpr int pixels = strip_pixels<T>;
    T* data = reinterpret_cast<T*>(out.data);
    const std::int64_t at = static_cast<std::int64_t>(y) * out.width + x;
    if (!out.nhwc) {
        const std::int64_t plane = static_cast<std::int64_t>(out.width) * out.height;
        MILLRACE_UNROLL
        for (int c = 0; c < 3; ++c) store_elements(data + c * plane + at, row.color[c]);
        return;
    }
    std::uint32_t words[3][4];
    pack_pixels<T>(row, words);
    MILLRACE_UNROLL
    for (int i = 0; i < 3; ++i) store<16>(reinterpret_cast<std::byte*>(data + 3 * at + i * pixels), words[i]);
}

/// R, G, B of a row from luma codes and the row's chroma, which is whole down the columns already.
template <int P, int N, int W>
MILLRACE_BOTH void rgb_row(const StripPlan& s, const float* luma, const PairRow<N, W>& chroma, StripRow<P>& row) {
    const FromYuv& m = s.matrix;
    MILLRACE_UNROLL
    for (int i = 0; i < P; ++i) {
        std::uint32_t pair = chroma.at[W == 1 ? i / 2 + 1 : i];
        if constexpr (W == 1) {
            pair = i % 2 == 0 ? pair * s.near_even[0] + chroma.at[i / 2] * s.far_even[0]
                              : pair * s.near_odd[0] + chroma.at[i / 2 + 2] * s.far_odd[0];
        }
        const float y = (luma[i] - s.luma_offset) * m.y;
        const float cb = code16(pair, false) - s.chroma_offset;
        const float cr = code16(pair, true) - s.chroma_offset;
        row.color[0][i] = y + cr * m.r_cr;
        row.color[1][i] = (y + cb * m.g_cb) + cr * m.g_cr;
        row.color[2][i] = y + cb * m.b_cb;
    }
}

/// The same as elements, in the tensor's order of channels.
template <int P, int N, int W>
MILLRACE_BOTH void color_row(const ToTensorArgs& a, const float* luma, const PairRow<N, W>& chroma, StripRow<P>& row) {
    const bool swapped = a.out.channels == Channels::bgr;
    rgb_row(a.strip, luma, chroma, row);
    MILLRACE_UNROLL
    for (int i = 0; i < P; ++i) {
        const float r = row.color[0][i];
        const float b = row.color[2][i];
        row.color[0][i] = apply(a.element, 0, swapped ? b : r);
        row.color[1][i] = apply(a.element, 1, row.color[1][i]);
        row.color[2][i] = apply(a.element, 2, swapped ? r : b);
    }
}

/// Row 2 k + odd of 4:2:0: the blend of chroma row k with the one above or below it.
template <int N, int W>
MILLRACE_BOTH PairRow<N, W> blend(const StripPlan& s, bool odd, const PairRow<N, W>& at, const PairRow<N, W>& other) {
    const std::uint32_t near = odd ? s.near_odd[1] : s.near_even[1];
    const std::uint32_t far = odd ? s.far_odd[1] : s.far_even[1];
    PairRow<N, W> out;
    MILLRACE_UNROLL
    for (int i = 0; i < N + 2 * W; ++i) out.at[i] = at.at[i] * near + other.at[i] * far;
    return out;
}

/// What P pixels of two rows are made of: luma codes, and chroma that is whole down the columns.
template <int P, int W>
struct TwoRows {
    float luma[2][length(P)] = {};
    PairRow<(P >> W), W> chroma[2];
};

/// Rows `y` (even) and y + 1 (where there is none, y again) of the strip at x, a multiple of P. S: sample; W, H: halved
/// axes.
template <class S, int P, int W, int H>
MILLRACE_BOTH void load_strip(const ToTensorArgs& a, int x, int y, TwoRows<P, W>& strip) {
    constexpr int pairs = P >> W;
    const PictureView& in = a.in;
    const S* kind = nullptr;
    const int next = y + 1 < in.height ? y + 1 : y;
    load_luma<P>(in, kind, x, y, strip.luma[0]);
    load_luma<P>(in, kind, x, next, strip.luma[1]);
    if constexpr (H == 1) {
        const int k = y / 2;
        PairRow<pairs, W> at;
        PairRow<pairs, W> above;
        PairRow<pairs, W> below;
        load_row<S>(a, x >> W, k, at);
        load_row<S>(a, x >> W, clamp_to(k - 1, in.chroma_height), above);
        load_row<S>(a, x >> W, clamp_to(k + 1, in.chroma_height), below);
        strip.chroma[0] = blend(a.strip, false, at, above);
        strip.chroma[1] = blend(a.strip, true, at, below);
    } else {
        load_row<S>(a, x >> W, y, strip.chroma[0]);
        load_row<S>(a, x >> W, next, strip.chroma[1]);
    }
}

/// Writes rows `y` and y + 1 of the strip at x as elements.
template <class S, class T, int W, int H>
MILLRACE_BOTH void convert_strip(const ToTensorArgs& a, int x, int y) {
    constexpr int pixels = strip_pixels<T>;
    TwoRows<pixels, W> strip;
    load_strip<S, pixels, W, H>(a, x, y, strip);
    MILLRACE_UNROLL
    for (int r = 0; r < 2; ++r) {
        if (y + r >= a.in.height) break;
        StripRow<pixels> row;
        color_row(a, strip.luma[r], strip.chroma[r], row);
        store_row<T>(a.out, x, y + r, row);
    }
}

/// The same for luma alone.
template <class S, class T>
MILLRACE_BOTH void convert_luma_strip(const ToTensorArgs& a, int x, int y) {
    constexpr int pixels = strip_pixels<T>;
    const S* kind = nullptr;
    T* data = reinterpret_cast<T*>(a.out.data);
    for (int row = y; row < y + 2 && row < a.in.height; ++row) {
        float values[length(pixels)];
        load_luma<pixels>(a.in, kind, x, row, values);
        MILLRACE_UNROLL
        for (int i = 0; i < pixels; ++i) {
            values[i] = apply(a.element, 0, (values[i] - a.strip.luma_offset) * a.codes.luma_step);
        }
        store_elements(data + static_cast<std::int64_t>(row) * a.out.width + x, values);
    }
}

}  // namespace millrace::ops::both
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
