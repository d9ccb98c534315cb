// Kernels between memory of others (picture planes, tensors) and scratch rows, compiled once for each SIMD level (see
// row_kernels.cc). Memory of others is touched only in [0, n).

#include "ops/row_kernels.h"

#if defined(MILLRACE_OPS_MEMORY_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef MILLRACE_OPS_MEMORY_INL
#undef MILLRACE_OPS_MEMORY_INL
#else
#define MILLRACE_OPS_MEMORY_INL
#endif

#include <array>
#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::ops::HWY_NAMESPACE {
namespace memory {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using I32 = hn::RebindToSigned<F32>;
using U8 = hn::Rebind<std::uint8_t, F32>;
using U16 = hn::Rebind<std::uint16_t, F32>;
using F16 = hn::Rebind<hwy::float16_t, F32>;
using VF = hn::Vec<F32>;
using VU8 = hn::Vec<U8>;
using VU16 = hn::Vec<U16>;

inline VF float_of(VU8 v) { return hn::ConvertTo(F32(), hn::PromoteTo(I32(), v)); }
inline VF float_of(VU16 v) { return hn::ConvertTo(F32(), hn::PromoteTo(I32(), v)); }

inline VU16 half_of(VF v) { return hn::BitCast(U16(), hn::DemoteTo(F16(), v)); }
// Highway's own conversion takes infinities and NaN for numbers where the CPU has none (1.2, SSE4 and below): their
// exponent is set here.
inline VF float_of_half(VU16 v) {
    const hn::RebindToUnsigned<F32> du;
    const auto exponent = hn::Set(du, 0x7C00);
    const auto special = hn::Eq(hn::And(hn::PromoteTo(du, v), exponent), exponent);
    const auto bits = hn::BitCast(du, hn::PromoteTo(F32(), hn::BitCast(F16(), v)));
    return hn::BitCast(F32(), hn::Or(bits, hn::IfThenElseZero(special, hn::Set(du, 0x7F800000))));
}

// Codes: scaled, clipped, rounded half to even by adding 2^23 (ops/formula.h, code_of).
struct Quantize {
    VF span;
    VF offset;
    VF maximum;
    int shift;

    explicit Quantize(const Quantizer& q)
        : span(hn::Set(F32(), q.span)),
          offset(hn::Set(F32(), q.offset)),
          maximum(hn::Set(F32(), q.maximum)),
          shift(q.shift) {}

    [[nodiscard]] hn::Vec<I32> codes(const float* in) const {
        const F32 d;
        const VF code = hn::Add(hn::Mul(hn::LoadU(d, in), span), offset);
        const VF clipped = hn::Min(hn::Max(code, hn::Zero(d)), maximum);
        const VF no_fraction = hn::Set(d, 8388608.0F);
        return hn::ConvertTo(I32(), hn::Sub(hn::Add(clipped, no_fraction), no_fraction));
    }
    [[nodiscard]] VU8 codes8(const float* in) const { return hn::DemoteTo(U8(), codes(in)); }
    [[nodiscard]] VU16 codes16(const float* in) const {
        return hn::ShiftLeftSame(hn::DemoteTo(U16(), codes(in)), shift);
    }
};

// Tensor elements to colour, with NaN as 0 and infinities clipped (ops/formula.h, color_of_element).
struct Color {
    VF scale;
    VF bias;

    Color(float s, float b) : scale(hn::Set(F32(), s)), bias(hn::Set(F32(), b)) {}

    // Adds the number of NaN to `nan`.
    HWY_INLINE VF of(VF element, std::size_t& nan) const {
        const F32 d;
        const auto is_nan = hn::IsNaN(element);
        nan += hn::CountTrue(d, is_nan);
        const VF color = hn::Add(hn::Mul(hn::IfThenZeroElse(is_nan, element), scale), bias);
        const VF limit = hn::Set(d, color_limit);
        return hn::Min(hn::Max(color, hn::Neg(limit)), limit);
    }
    // Returns the number of NaN.
    HWY_INLINE std::size_t store(VF element, float* out) const {
        std::size_t nan = 0;
        hn::StoreU(of(element, nan), F32(), out);
        return nan;
    }
};

// Three rows of one vector each, out of or into interleaved memory; `n` elements of each, at most a vector.
template <class D>
struct Vec3 {
    hn::Vec<D> a;
    hn::Vec<D> b;
    hn::Vec<D> c;

    static Vec3 load(const hn::TFromD<D>* in, std::size_t n) {
        using T = hn::TFromD<D>;
        const D d;
        hn::Vec<D> a;
        hn::Vec<D> b;
        hn::Vec<D> c;
        if (n >= hn::Lanes(d)) {
            hn::LoadInterleaved3(d, in, a, b, c);
        } else {
            HWY_ALIGN std::array<T, 3 * hn::MaxLanes(D())> rest{};
            std::memcpy(rest.data(), in, 3 * n * sizeof(T));
            hn::LoadInterleaved3(d, rest.data(), a, b, c);
        }
        return {a, b, c};
    }
    void store(hn::TFromD<D>* out, std::size_t n) const {
        using T = hn::TFromD<D>;
        const D d;
        if (n >= hn::Lanes(d)) {
            hn::StoreInterleaved3(a, b, c, d, out);
            return;
        }
        HWY_ALIGN std::array<T, 3 * hn::MaxLanes(D())> rest{};
        hn::StoreInterleaved3(a, b, c, d, rest.data());
        std::memcpy(out, rest.data(), 3 * n * sizeof(T));
    }
};

}  // namespace memory

inline void widen8(const std::uint8_t* in, float* out, std::size_t n) {
    using namespace memory;
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(float_of(hn::LoadU(U8(), in + i)), d, out + i);
    if (i < n) hn::StoreU(float_of(hn::LoadN(U8(), in + i, n - i)), d, out + i);
}

inline void widen16(const std::uint16_t* in, int shift, float* out, std::size_t n) {
    using namespace memory;
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        hn::StoreU(float_of(hn::ShiftRightSame(hn::LoadU(U16(), in + i), shift)), d, out + i);
    }
    if (i < n) hn::StoreU(float_of(hn::ShiftRightSame(hn::LoadN(U16(), in + i, n - i), shift)), d, out + i);
}

inline void split8(const std::uint8_t* pairs, float* first, float* second, std::size_t n) {
    using namespace memory;
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        VU8 a;
        VU8 b;
        hn::LoadInterleaved2(U8(), pairs + 2 * i, a, b);
        hn::StoreU(float_of(a), d, first + i);
        hn::StoreU(float_of(b), d, second + i);
    }
    for (; i < n; ++i) {
        first[i] = static_cast<float>(pairs[2 * i]);
        second[i] = static_cast<float>(pairs[2 * i + 1]);
    }
}

inline void split16(const std::uint16_t* pairs, int shift, float* const out[2], std::size_t n) {
    using namespace memory;
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        VU16 a;
        VU16 b;
        hn::LoadInterleaved2(U16(), pairs + 2 * i, a, b);
        hn::StoreU(float_of(hn::ShiftRightSame(a, shift)), d, out[0] + i);
        hn::StoreU(float_of(hn::ShiftRightSame(b, shift)), d, out[1] + i);
    }
    for (; i < n; ++i) {
        out[0][i] = static_cast<float>(pairs[2 * i] >> shift);
        out[1][i] = static_cast<float>(pairs[2 * i + 1] >> shift);
    }
}

inline void put32(const float* in, float scale, float bias, float* out, std::size_t n) {
    using namespace memory;
    const F32 d;
    const VF s = hn::Set(d, scale);
    const VF b = hn::Set(d, bias);
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, in + i), s), b), d, out + i);
    if (i < n) hn::StoreN(hn::Add(hn::Mul(hn::LoadU(d, in + i), s), b), d, out + i, n - i);
}

inline void put16(const float* in, float scale, float bias, std::uint16_t* out, std::size_t n) {
    using namespace memory;
    const F32 d;
    const VF s = hn::Set(d, scale);
    const VF b = hn::Set(d, bias);
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        hn::StoreU(half_of(hn::Add(hn::Mul(hn::LoadU(d, in + i), s), b)), U16(), out + i);
    }
    if (i < n) hn::StoreN(half_of(hn::Add(hn::Mul(hn::LoadU(d, in + i), s), b)), U16(), out + i, n - i);
}

namespace memory {

// One vector of each of three rows, as tensor elements.
struct Element3 {
    const Affine& map;
    const Rows3& in;

    [[nodiscard]] VF at(std::size_t channel, const float* row) const {
        const F32 d;
        return hn::Add(hn::Mul(hn::LoadU(d, row), hn::Set(d, map.scale[channel])), hn::Set(d, map.bias[channel]));
    }
    [[nodiscard]] Vec3<F32> at(std::size_t i) const { return {at(0, in.a + i), at(1, in.b + i), at(2, in.c + i)}; }
};

}  // namespace memory

inline void put32x3(const Rows3& in, const Affine& map, float* out, std::size_t n) {
    using namespace memory;
    const Element3 elements{map, in};
    for (std::size_t i = 0; i < n; i += hn::Lanes(F32())) elements.at(i).store(out + 3 * i, n - i);
}

inline void put16x3(const Rows3& in, const Affine& map, std::uint16_t* out, std::size_t n) {
    using namespace memory;
    const Element3 elements{map, in};
    for (std::size_t i = 0; i < n; i += hn::Lanes(F32())) {
        const Vec3<F32> v = elements.at(i);
        Vec3<U16>{half_of(v.a), half_of(v.b), half_of(v.c)}.store(out + 3 * i, n - i);
    }
}

inline std::size_t get32(const float* in, float scale, float bias, float* out, std::size_t n) {
    using namespace memory;
    const F32 d;
    const Color color(scale, bias);
    const std::size_t lanes = hn::Lanes(d);
    std::size_t nan = 0;
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) nan += color.store(hn::LoadU(d, in + i), out + i);
    if (i < n) nan += color.store(hn::LoadN(d, in + i, n - i), out + i);
    return nan;
}

inline std::size_t get16(const std::uint16_t* in, float scale, float bias, float* out, std::size_t n) {
    using namespace memory;
    const Color color(scale, bias);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t nan = 0;
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) nan += color.store(float_of_half(hn::LoadU(U16(), in + i)), out + i);
    if (i < n) nan += color.store(float_of_half(hn::LoadN(U16(), in + i, n - i)), out + i);
    return nan;
}

inline std::size_t get32x3(const float* in, const Affine& map, const Rows3& out, std::size_t n) {
    using namespace memory;
    std::size_t nan = 0;
    for (std::size_t i = 0; i < n; i += hn::Lanes(F32())) {
        const Vec3<F32> v = Vec3<F32>::load(in + 3 * i, n - i);
        nan += Color(map.scale[0], map.bias[0]).store(v.a, out.a + i);
        nan += Color(map.scale[1], map.bias[1]).store(v.b, out.b + i);
        nan += Color(map.scale[2], map.bias[2]).store(v.c, out.c + i);
    }
    return nan;
}

inline std::size_t get16x3(const std::uint16_t* in, const Affine& map, const Rows3& out, std::size_t n) {
    using namespace memory;
    std::size_t nan = 0;
    for (std::size_t i = 0; i < n; i += hn::Lanes(F32())) {
        const Vec3<U16> v = Vec3<U16>::load(in + 3 * i, n - i);
        nan += Color(map.scale[0], map.bias[0]).store(float_of_half(v.a), out.a + i);
        nan += Color(map.scale[1], map.bias[1]).store(float_of_half(v.b), out.b + i);
        nan += Color(map.scale[2], map.bias[2]).store(float_of_half(v.c), out.c + i);
    }
    return nan;
}

inline void narrow8(const float* in, const Quantizer& q, std::uint8_t* out, std::size_t n) {
    using namespace memory;
    const Quantize quantize(q);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(quantize.codes8(in + i), U8(), out + i);
    if (i < n) hn::StoreN(quantize.codes8(in + i), U8(), out + i, n - i);
}

inline void narrow16(const float* in, const Quantizer& q, std::uint16_t* out, std::size_t n) {
    using namespace memory;
    const Quantize quantize(q);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(quantize.codes16(in + i), U16(), out + i);
    if (i < n) hn::StoreN(quantize.codes16(in + i), U16(), out + i, n - i);
}

inline void pair8(const float* const in[2], const Quantizer& q, std::uint8_t* out, std::size_t n) {
    using namespace memory;
    const Quantize quantize(q);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        hn::StoreInterleaved2(quantize.codes8(in[0] + i), quantize.codes8(in[1] + i), U8(), out + 2 * i);
    }
    HWY_ALIGN std::array<std::uint8_t, 2 * hn::MaxLanes(U8())> rest{};
    hn::StoreInterleaved2(quantize.codes8(in[0] + i), quantize.codes8(in[1] + i), U8(), rest.data());
    std::memcpy(out + 2 * i, rest.data(), 2 * (n - i));
}

inline void pair16(const float* const in[2], const Quantizer& q, std::uint16_t* out, std::size_t n) {
    using namespace memory;
    const Quantize quantize(q);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        hn::StoreInterleaved2(quantize.codes16(in[0] + i), quantize.codes16(in[1] + i), U16(), out + 2 * i);
    }
    HWY_ALIGN std::array<std::uint16_t, 2 * hn::MaxLanes(U16())> rest{};
    hn::StoreInterleaved2(quantize.codes16(in[0] + i), quantize.codes16(in[1] + i), U16(), rest.data());
    std::memcpy(out + 2 * i, rest.data(), 2 * (n - i) * sizeof(std::uint16_t));
}

}  // namespace millrace::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
