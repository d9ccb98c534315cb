// Kernels from scratch rows to scratch rows, compiled once for each SIMD level (see row_kernels.cc). Whole vectors
// only: the slack takes what is beyond n. Mul and Add, never MulAdd: the order of operations is ops/formula.h's.

#include "ops/row_kernels.h"

#if defined(MILLRACE_OPS_SCRATCH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef MILLRACE_OPS_SCRATCH_INL
#undef MILLRACE_OPS_SCRATCH_INL
#else
#define MILLRACE_OPS_SCRATCH_INL
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::ops::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using VF = hn::Vec<F32>;

inline void blend(const float* a, const float* b, float weight, float* out, std::size_t n) {
    const F32 d;
    const VF wa = hn::Set(d, weight);
    const VF wb = hn::Set(d, 1.0F - weight);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, a + i), wa), hn::Mul(hn::LoadU(d, b + i), wb)), d, out + i);
    }
}

inline void upsample(const float* in, Site site, float* out, std::size_t n) {
    const F32 d;
    const bool midway = site == Site::midway;
    const VF near_even = hn::Set(d, midway ? 0.75F : site == Site::first ? 1.0F : 0.5F);
    const VF far_even = hn::Set(d, midway ? 0.25F : site == Site::first ? 0.0F : 0.5F);
    const VF near_odd = hn::Set(d, midway ? 0.75F : site == Site::second ? 1.0F : 0.5F);
    const VF far_odd = hn::Set(d, midway ? 0.25F : site == Site::second ? 0.0F : 0.5F);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        const VF before = hn::LoadU(d, in + i - 1);
        const VF at = hn::LoadU(d, in + i);
        const VF after = hn::LoadU(d, in + i + 1);
        const VF even = hn::Add(hn::Mul(at, near_even), hn::Mul(before, far_even));
        const VF odd = hn::Add(hn::Mul(at, near_odd), hn::Mul(after, far_odd));
        hn::StoreInterleaved2(even, odd, d, out + 2 * i);
    }
}

inline VF cosited(VF before, VF at, VF after) {
    const F32 d;
    return hn::Add(hn::Mul(hn::Add(before, after), hn::Set(d, 0.25F)), hn::Mul(at, hn::Set(d, 0.5F)));
}

inline VF midway(VF x0, VF x1, VF x2, VF x3) {
    const F32 d;
    return hn::Add(hn::Mul(hn::Add(x0, x3), hn::Set(d, 0.125F)), hn::Mul(hn::Add(x1, x2), hn::Set(d, 0.375F)));
}

inline void downsample(const float* in, Site site, float* out, std::size_t n) {
    const F32 d;
    const float* origin = site == Site::second ? in + 1 : in;
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        VF before;
        VF at;
        VF next;
        VF after;
        hn::LoadInterleaved2(d, origin + 2 * i - 1, before, next);
        hn::LoadInterleaved2(d, origin + 2 * i, at, after);
        if (site == Site::midway) {
            VF skipped;
            const VF second = after;
            hn::LoadInterleaved2(d, origin + 2 * i + 1, skipped, after);
            hn::StoreU(midway(before, at, second, after), d, out + i);
        } else {
            hn::StoreU(cosited(before, at, after), d, out + i);
        }
    }
}

inline void down_cosited(const float* const in[3], float* out, std::size_t n) {
    const F32 d;
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        hn::StoreU(cosited(hn::LoadU(d, in[0] + i), hn::LoadU(d, in[1] + i), hn::LoadU(d, in[2] + i)), d, out + i);
    }
}

inline void down_midway(const float* const in[4], float* out, std::size_t n) {
    const F32 d;
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        const VF first = hn::LoadU(d, in[0] + i);
        const VF last = hn::LoadU(d, in[3] + i);
        hn::StoreU(midway(first, hn::LoadU(d, in[1] + i), hn::LoadU(d, in[2] + i), last), d, out + i);
    }
}

inline void rgb_of_yuv(const FromYuv& m, const Rows3& in, const Rows3& out, std::size_t n) {
    const F32 d;
    const VF luma_offset = hn::Set(d, m.luma_offset);
    const VF chroma_offset = hn::Set(d, m.chroma_offset);
    const VF y = hn::Set(d, m.y);
    const VF r_cr = hn::Set(d, m.r_cr);
    const VF g_cb = hn::Set(d, m.g_cb);
    const VF g_cr = hn::Set(d, m.g_cr);
    const VF b_cb = hn::Set(d, m.b_cb);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        const VF luma = hn::Mul(hn::Sub(hn::LoadU(d, in.a + i), luma_offset), y);
        const VF cb = hn::Sub(hn::LoadU(d, in.b + i), chroma_offset);
        const VF cr = hn::Sub(hn::LoadU(d, in.c + i), chroma_offset);
        hn::StoreU(hn::Add(luma, hn::Mul(cr, r_cr)), d, out.a + i);
        hn::StoreU(hn::Add(hn::Add(luma, hn::Mul(cb, g_cb)), hn::Mul(cr, g_cr)), d, out.b + i);
        hn::StoreU(hn::Add(luma, hn::Mul(cb, b_cb)), d, out.c + i);
    }
}

inline void yuv_of_rgb(const ToYuv& m, const Rows3& in, const Rows3& out, std::size_t n) {
    const F32 d;
    const VF kr = hn::Set(d, m.kr);
    const VF kg = hn::Set(d, m.kg);
    const VF kb = hn::Set(d, m.kb);
    const VF cb = hn::Set(d, m.cb);
    const VF cr = hn::Set(d, m.cr);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        const VF r = hn::LoadU(d, in.a + i);
        const VF g = hn::LoadU(d, in.b + i);
        const VF b = hn::LoadU(d, in.c + i);
        const VF luma = hn::Add(hn::Add(hn::Mul(r, kr), hn::Mul(g, kg)), hn::Mul(b, kb));
        hn::StoreU(luma, d, out.a + i);
        hn::StoreU(hn::Mul(hn::Sub(b, luma), cb), d, out.b + i);
        hn::StoreU(hn::Mul(hn::Sub(r, luma), cr), d, out.c + i);
    }
}

inline void number(const float* in, float offset, float step, float* out, std::size_t n) {
    const F32 d;
    const VF o = hn::Set(d, offset);
    const VF s = hn::Set(d, step);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        hn::StoreU(hn::Mul(hn::Sub(hn::LoadU(d, in + i), o), s), d, out + i);
    }
}

inline void shift(const float* in, float bias, float* out, std::size_t n) {
    const F32 d;
    const VF b = hn::Set(d, bias);
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) hn::StoreU(hn::Add(hn::LoadU(d, in + i), b), d, out + i);
}

inline void resample(const float* in, const AxisWeights& w, float* out, std::size_t n) {
    const F32 d;
    const hn::RebindToSigned<F32> di;
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        const auto first = hn::LoadU(di, w.first.data() + i);
        const float* weight = w.weights.data() + i;
        VF sum = hn::Mul(hn::GatherIndex(d, in, first), hn::LoadU(d, weight));
        for (int k = 1; k < w.taps; ++k) {
            weight += w.stride;
            sum = hn::Add(sum, hn::Mul(hn::GatherIndex(d, in + k, first), hn::LoadU(d, weight)));
        }
        hn::StoreU(sum, d, out + i);
    }
}

inline void weigh(std::span<const float* const> in, std::span<const float> weights, float* out, std::size_t n) {
    const F32 d;
    for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
        VF sum = hn::Mul(hn::LoadU(d, in[0] + i), hn::Set(d, weights[0]));
        for (std::size_t k = 1; k < in.size(); ++k) {
            sum = hn::Add(sum, hn::Mul(hn::LoadU(d, in[k] + i), hn::Set(d, weights[k])));
        }
        hn::StoreU(sum, d, out + i);
    }
}

}  // namespace millrace::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
