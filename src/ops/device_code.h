#pragma once
// Words, halves and comparisons for code that runs on both sides: in kernels, and in host tests of the same functions.
// Private to src/ops. On the host these are plain C++ of the same meaning.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ops/formula.h"

// The language, not the build: a C++ compiler has no word for "on both sides".
#ifdef __CUDACC__
#define MILLRACE_BOTH __host__ __device__ inline
#else
#define MILLRACE_BOTH inline
#endif
// Before a loop whose indices must be constants, so that its arrays are registers.
#ifdef __CUDA_ARCH__
#define MILLRACE_UNROLL _Pragma("unroll")
#else
#define MILLRACE_UNROLL
#endif

namespace millrace::ops::both {

/// A length of an array.
constexpr std::size_t length(int n) { return static_cast<std::size_t>(n); }

/// Four bytes out of the eight of a (0..3) and b (4..7); one nibble of `selector` each, lowest first.
MILLRACE_BOTH std::uint32_t permute(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
#ifdef __CUDA_ARCH__
    return __byte_perm(a, b, selector);
#else
    const std::uint64_t bytes = (std::uint64_t{b} << 32U) | a;
    std::uint32_t out = 0;
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t from = (selector >> (4 * i)) & 7U;
        out |= static_cast<std::uint32_t>((bytes >> (8 * from)) & 0xFFU) << (8 * i);
    }
    return out;
#endif
}

MILLRACE_BOTH std::uint32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
    return __float_as_uint(x);
#else
    return std::bit_cast<std::uint32_t>(x);
#endif
}

MILLRACE_BOTH float float_of_bits(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
    return __uint_as_float(bits);
#else
    return std::bit_cast<float>(bits);
#endif
}

/// Neither argument is NaN.
MILLRACE_BOTH float max_of(float a, float b) {
#ifdef __CUDA_ARCH__
    return fmaxf(a, b);
#else
    return a > b ? a : b;
#endif
}
MILLRACE_BOTH float min_of(float a, float b) {
#ifdef __CUDA_ARCH__
    return fminf(a, b);
#else
    return a < b ? a : b;
#endif
}

/// max(a, |b|), NaN once either is.
MILLRACE_BOTH float max_magnitude(float a, float b) {
#ifdef __CUDA_ARCH__
    const float magnitude = fabsf(b);
#if __CUDA_ARCH__ >= 800
    float out;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(out) : "f"(a), "f"(magnitude));
    return out;
#else
    return a != a || magnitude <= a ? a : magnitude;
#endif
#else
    const float magnitude = b < 0.0F ? -b : b;
    return a != a || magnitude <= a ? a : magnitude;
#endif
}

/// The nearest number in 0..1; 0 for NaN. On a GPU part of the instruction that computes x.
MILLRACE_BOTH float saturate(float x) {
#ifdef __CUDA_ARCH__
    return __saturatef(x);
#else
    return x > 0.0F ? (x < 1.0F ? x : 1.0F) : 0.0F;
#endif
}

/// x * y + z where x * y is exact, so that one rounding is as good as two.
MILLRACE_BOTH float exact_product_plus(float x, float y, float z) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(x, y, z);
#else
    return x * y + z;
#endif
}

/// Of the halves in two words, the larger magnitudes of `a` (magnitudes already) and of `b`; at least 0x7C00 once
/// either is NaN.
MILLRACE_BOTH std::uint32_t max_magnitudes(std::uint32_t a, std::uint32_t b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    std::uint32_t out;
    asm("{.reg .b32 t; abs.f16x2 t, %2; max.NaN.f16x2 %0, %1, t;}" : "=r"(out) : "r"(a), "r"(b));
    return out;
#else
    const std::uint32_t low = b & 0x7FFFU;
    const std::uint32_t high = b & 0x7FFF0000U;
    const std::uint32_t most_low = (a & 0xFFFFU) > low ? a & 0xFFFFU : low;
    const std::uint32_t most_high = (a & 0xFFFF0000U) > high ? a & 0xFFFF0000U : high;
    return most_low | most_high;
#endif
}

/// The functions of ops/formula.h by the GPU's own instructions, which round the same.
MILLRACE_BOTH std::uint16_t half_of(float x) {
#ifdef __CUDA_ARCH__
    std::uint16_t out;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(x));
    return out;
#else
    return half_of_float(x);
#endif
}
MILLRACE_BOTH float of_half(std::uint16_t half) {
#ifdef __CUDA_ARCH__
    float out;
    asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(half));
    return out;
#else
    return float_of_half(half);
#endif
}
/// Two halves in a word, `low` in its low bits.
MILLRACE_BOTH std::uint32_t halves_of(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    std::uint32_t out;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
#else
    return half_of(low) | static_cast<std::uint32_t>(half_of(high)) << 16U;
#endif
}

/// N bytes as words (2 bytes: the low half of one); `from` is aligned to N, or to 16 beyond that. Memory that nobody
/// writes meanwhile.
template <int N>
MILLRACE_BOTH void load(const std::byte* from, std::uint32_t* words) {
    static_assert(N == 2 || N == 4 || N == 8 || N % 16 == 0);
#ifdef __CUDA_ARCH__
    if constexpr (N == 2) {
        words[0] = __ldg(reinterpret_cast<const std::uint16_t*>(from));
    } else if constexpr (N == 4) {
        words[0] = __ldg(reinterpret_cast<const std::uint32_t*>(from));
    } else if constexpr (N == 8) {
        const uint2 v = __ldg(reinterpret_cast<const uint2*>(from));
        words[0] = v.x;
        words[1] = v.y;
    } else {
        MILLRACE_UNROLL
        for (int i = 0; i < N / 16; ++i) {
            const uint4 v = __ldg(reinterpret_cast<const uint4*>(from) + i);
            words[4 * i] = v.x;
            words[4 * i + 1] = v.y;
            words[4 * i + 2] = v.z;
            words[4 * i + 3] = v.w;
        }
    }
#else
    words[0] = 0;
    std::memcpy(words, from, N);
#endif
}

/// The inverse of load().
template <int N>
MILLRACE_BOTH void store(std::byte* to, const std::uint32_t* words) {
    static_assert(N == 2 || N == 4 || N == 8 || N % 16 == 0);
#ifdef __CUDA_ARCH__
    if constexpr (N == 2) {
        *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(words[0]);
    } else if constexpr (N == 4) {
        *reinterpret_cast<std::uint32_t*>(to) = words[0];
    } else if constexpr (N == 8) {
        *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
    } else {
        MILLRACE_UNROLL
        for (int i = 0; i < N / 16; ++i) {
            reinterpret_cast<uint4*>(to)[i] =
                make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
        }
    }
#else
    std::memcpy(to, words, N);
#endif
}

}  // namespace millrace::ops::both
