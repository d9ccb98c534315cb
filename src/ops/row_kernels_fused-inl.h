// The common way, Y'CbCr with chroma halved across to R, G, B, in one pass over the row, compiled once for each SIMD
// level (see row_kernels.cc). The operations are those of the kernels that it replaces, in their order.

#include "ops/row_kernels.h"

#if defined(MILLRACE_OPS_FUSED_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef MILLRACE_OPS_FUSED_INL
#undef MILLRACE_OPS_FUSED_INL
#else
#define MILLRACE_OPS_FUSED_INL
#endif

#include "hwy/highway.h"
#include "ops/row_kernels_memory-inl.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::ops::HWY_NAMESPACE {
namespace fused {

using namespace memory;

struct Luma8 {
    const std::uint8_t* row;

    [[nodiscard]] VF at(std::size_t x) const { return float_of(hn::LoadU(U8(), row + x)); }
};

struct Luma16 {
    const std::uint16_t* row;
    int shift;

    [[nodiscard]] VF at(std::size_t x) const { return float_of(hn::ShiftRightSame(hn::LoadU(U16(), row + x), shift)); }
};

// What becomes of a colour: kept (scratch), or an element of float32 or float16.
struct Keep {
    static void store(VF color, float* out) { hn::StoreU(color, F32(), out); }
};

struct Element {
    VF scale;
    VF bias;

    Element(const Affine& map, std::size_t channel)
        : scale(hn::Set(F32(), map.scale[channel])), bias(hn::Set(F32(), map.bias[channel])) {}

    [[nodiscard]] VF of(VF color) const { return hn::Add(hn::Mul(color, scale), bias); }
    void store(VF color, float* out) const { hn::StoreU(of(color), F32(), out); }
    void store(VF color, std::uint16_t* out) const { hn::StoreU(half_of(of(color)), U16(), out); }
};

template <class S>
struct Sink3 {
    S r;
    S g;
    S b;
};

struct Matrix {
    VF luma_offset;
    VF chroma_offset;
    VF y;
    VF r_cr;
    VF g_cb;
    VF g_cr;
    VF b_cb;

    explicit Matrix(const FromYuv& m)
        : luma_offset(hn::Set(F32(), m.luma_offset)),
          chroma_offset(hn::Set(F32(), m.chroma_offset)),
          y(hn::Set(F32(), m.y)),
          r_cr(hn::Set(F32(), m.r_cr)),
          g_cb(hn::Set(F32(), m.g_cb)),
          g_cr(hn::Set(F32(), m.g_cr)),
          b_cb(hn::Set(F32(), m.b_cb)) {}

    // ops/formula.h, rgb_of_yuv; Cb and Cr less their offset.
    template <class S, class T>
    HWY_INLINE void put(VF code, VF cb, VF cr, const Sink3<S>& sink, const std::array<T*, 3>& out) const {
        const VF luma = hn::Mul(hn::Sub(code, luma_offset), y);
        sink.r.store(hn::Add(luma, hn::Mul(cr, r_cr)), out[0]);
        sink.g.store(hn::Add(hn::Add(luma, hn::Mul(cb, g_cb)), hn::Mul(cr, g_cr)), out[1]);
        sink.b.store(hn::Add(luma, hn::Mul(cb, b_cb)), out[2]);
    }
};

// ops/formula.h, up_tap.
struct Up {
    VF near_even;
    VF far_even;
    VF near_odd;
    VF far_odd;

    explicit Up(Site site)
        : near_even(hn::Set(F32(), site == Site::midway  ? 0.75F
                                   : site == Site::first ? 1.0F
                                                         : 0.5F)),
          far_even(hn::Set(F32(), site == Site::midway  ? 0.25F
                                  : site == Site::first ? 0.0F
                                                        : 0.5F)),
          near_odd(hn::Set(F32(), site == Site::midway   ? 0.75F
                                  : site == Site::second ? 1.0F
                                                         : 0.5F)),
          far_odd(hn::Set(F32(), site == Site::midway   ? 0.25F
                                 : site == Site::second ? 0.0F
                                                        : 0.5F)) {}

    HWY_INLINE void at(const float* in, VF offset, VF& low, VF& high) const {
        const F32 d;
        const VF center = hn::LoadU(d, in);
        const VF even = hn::Add(hn::Mul(center, near_even), hn::Mul(hn::LoadU(d, in - 1), far_even));
        const VF odd = hn::Add(hn::Mul(center, near_odd), hn::Mul(hn::LoadU(d, in + 1), far_odd));
        low = hn::Sub(hn::InterleaveWholeLower(d, even, odd), offset);
        high = hn::Sub(hn::InterleaveWholeUpper(d, even, odd), offset);
    }
};

template <class Luma, class S, class T>
std::size_t rgb(const FromYuv& m, const Luma& luma, const HalfChroma& chroma, const Sink3<S>& sink,
                const RowSpan<T>& out) {
    const Matrix matrix(m);
    const Up up(chroma.site);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t x = 0;
    for (; x + 2 * lanes <= out.n; x += 2 * lanes) {
        VF cb_low;
        VF cb_high;
        VF cr_low;
        VF cr_high;
        up.at(chroma.cb + x / 2, matrix.chroma_offset, cb_low, cb_high);
        up.at(chroma.cr + x / 2, matrix.chroma_offset, cr_low, cr_high);
        const std::array<T*, 3> low{out.rows[0] + x, out.rows[1] + x, out.rows[2] + x};
        const std::array<T*, 3> high{low[0] + lanes, low[1] + lanes, low[2] + lanes};
        matrix.put(luma.at(x), cb_low, cr_low, sink, low);
        matrix.put(luma.at(x + lanes), cb_high, cr_high, sink, high);
    }
    return x;
}

template <class S, class T>
std::size_t rgb(const FromYuv& m, const LumaSamples& luma, const HalfChroma& chroma, const Sink3<S>& sink,
                const RowSpan<T>& out) {
    if (luma.narrow != nullptr) return rgb(m, Luma8{luma.narrow}, chroma, sink, out);
    return rgb(m, Luma16{luma.wide, luma.shift}, chroma, sink, out);
}

inline Sink3<Element> elements(const Affine& map) { return {Element(map, 0), Element(map, 1), Element(map, 2)}; }

inline VF load(const float* in, std::size_t n) {
    const F32 d;
    return n >= hn::Lanes(d) ? hn::LoadU(d, in) : hn::LoadN(d, in, n);
}

inline VF load(const std::uint16_t* in, std::size_t n) {
    const U16 d;
    return float_of_half(n >= hn::Lanes(d) ? hn::LoadU(d, in) : hn::LoadN(d, in, n));
}

template <class T>
std::size_t yuv(const YuvOfElements& to, const RowSpan<const T>& in, const Rows3& out) {
    const F32 d;
    const Color r_of(to.map.scale[0], to.map.bias[0]);
    const Color g_of(to.map.scale[1], to.map.bias[1]);
    const Color b_of(to.map.scale[2], to.map.bias[2]);
    const VF kr = hn::Set(d, to.matrix.kr);
    const VF kg = hn::Set(d, to.matrix.kg);
    const VF kb = hn::Set(d, to.matrix.kb);
    const VF cb = hn::Set(d, to.matrix.cb);
    const VF cr = hn::Set(d, to.matrix.cr);
    std::size_t nan = 0;
    for (std::size_t i = 0; i < in.n; i += hn::Lanes(d)) {
        const VF r = r_of.of(load(in.rows[0] + i, in.n - i), nan);
        const VF g = g_of.of(load(in.rows[1] + i, in.n - i), nan);
        const VF b = b_of.of(load(in.rows[2] + i, in.n - i), nan);
        const VF luma = hn::Add(hn::Add(hn::Mul(r, kr), hn::Mul(g, kg)), hn::Mul(b, kb));
        hn::StoreU(luma, d, out.a + i);
        hn::StoreU(hn::Mul(hn::Sub(b, luma), cb), d, out.b + i);
        hn::StoreU(hn::Mul(hn::Sub(r, luma), cr), d, out.c + i);
    }
    return nan;
}

}  // namespace fused

inline std::size_t yuv_get32(const YuvOfElements& to, const RowSpan<const float>& in, const Rows3& out) {
    return fused::yuv(to, in, out);
}

inline std::size_t yuv_get16(const YuvOfElements& to, const RowSpan<const std::uint16_t>& in, const Rows3& out) {
    return fused::yuv(to, in, out);
}

inline std::size_t rgb_keep(const FromYuv& m, const LumaSamples& luma, const HalfChroma& chroma,
                            const RowSpan<float>& out) {
    return fused::rgb(m, luma, chroma, fused::Sink3<fused::Keep>{}, out);
}

inline std::size_t rgb_put32(const RgbElements& to, const LumaSamples& luma, const HalfChroma& chroma,
                             const RowSpan<float>& out) {
    return fused::rgb(to.matrix, luma, chroma, fused::elements(to.map), out);
}

inline std::size_t rgb_put16(const RgbElements& to, const LumaSamples& luma, const HalfChroma& chroma,
                             const RowSpan<std::uint16_t>& out) {
    return fused::rgb(to.matrix, luma, chroma, fused::elements(to.map), out);
}

}  // namespace millrace::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
