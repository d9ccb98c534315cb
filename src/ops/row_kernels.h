#pragma once
// Operations on one row, for every SIMD level from one source. Private to src/ops.
//
// "Scratch" rows (ScratchRow) may be read and written up to `scratch_slack` elements beyond either end; all other rows
// are touched only in [0, n). Every kernel mirrors a function of ops/formula.h operation by operation.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "ops/formula.h"

namespace millrace::ops {

inline constexpr std::size_t scratch_slack = 128;

/// Floats with slack on both sides, zero at first; the first is at a cache line, as vectors that straddle two cost
/// double.
class ScratchRow {
  public:
    explicit ScratchRow(std::size_t n)
        : store_(static_cast<float*>(::operator new((n + 2 * scratch_slack) * sizeof(float), alignment))) {
        std::fill_n(store_.get(), n + 2 * scratch_slack, 0.0F);
    }
    [[nodiscard]] float* data() { return store_.get() + scratch_slack; }

  private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(float* store) const { ::operator delete(store, alignment); }
    };
    std::unique_ptr<float, Free> store_;
};

/// Three rows: R, G, B or Y', Cb, Cr.
struct Rows3 {
    float* a = nullptr;
    float* b = nullptr;
    float* c = nullptr;
};

/// Weights of one axis: output i is the sum over k of weights[k * stride + i] * input[first[i] + k].
struct AxisWeights {
    std::vector<std::int32_t> first;
    std::vector<float> weights;  ///< by tap, then by output; zero in the slack
    std::size_t stride = 0;
    int taps = 0;
};

/// x * span + offset, clipped to 0..maximum and rounded, in bits from `shift` on.
struct Quantizer {
    float span = 1;
    float offset = 0;
    float maximum = 0;
    int shift = 0;
};

/// A row of luma as it lies in the picture: `narrow`, or else `wide` with its bits from `shift` on.
struct LumaSamples {
    const std::uint8_t* narrow = nullptr;
    const std::uint16_t* wide = nullptr;
    int shift = 0;
};

/// Cb and Cr codes of a luma row (scratch) where chroma is halved across; one more sample is valid at either end.
struct HalfChroma {
    const float* cb = nullptr;
    const float* cr = nullptr;
    Site site = Site::first;
};

/// n elements of three rows.
template <class T>
struct RowSpan {
    std::array<T*, 3> rows{};
    std::size_t n = 0;
};

/// Codes to tensor elements. `map` is in the order R, G, B.
struct RgbElements {
    FromYuv matrix;
    Affine map;
};

/// Tensor elements to Y', Cb, Cr. `map` is in the order R, G, B.
struct YuvOfElements {
    ToYuv matrix;
    Affine map;
};

struct RowKernels {
    // Samples to float codes (scratch).
    void (*widen8)(const std::uint8_t* in, float* out, std::size_t n);
    void (*widen16)(const std::uint16_t* in, int shift, float* out, std::size_t n);
    void (*split8)(const std::uint8_t* pairs, float* first, float* second, std::size_t n);
    void (*split16)(const std::uint16_t* pairs, int shift, float* const out[2], std::size_t n);

    // Scratch to scratch.
    /// out = a * weight + b * (1 - weight)
    void (*blend)(const float* a, const float* b, float weight, float* out, std::size_t n);
    /// Chroma samples [-1, n] to 2 n luma positions.
    void (*upsample)(const float* in, Site site, float* out, std::size_t n);
    /// Luma positions [-1, 2 n] to n chroma samples.
    void (*downsample)(const float* in, Site site, float* out, std::size_t n);
    void (*down_cosited)(const float* const in[3], float* out, std::size_t n);
    void (*down_midway)(const float* const in[4], float* out, std::size_t n);
    void (*rgb_of_yuv)(const FromYuv& m, const Rows3& in, const Rows3& out, std::size_t n);
    void (*yuv_of_rgb)(const ToYuv& m, const Rows3& in, const Rows3& out, std::size_t n);
    /// out = (in - offset) * step
    void (*number)(const float* in, float offset, float step, float* out, std::size_t n);
    /// out = in + bias
    void (*shift)(const float* in, float bias, float* out, std::size_t n);
    void (*resample)(const float* in, const AxisWeights& weights, float* out, std::size_t n);
    /// out = sum over k of in[k] * weights[k]
    void (*weigh)(std::span<const float* const> in, std::span<const float> weights, float* out, std::size_t n);

    // Scratch to tensor elements: float32 or float16 (as bits), one channel or three interleaved.
    void (*put32)(const float* in, float scale, float bias, float* out, std::size_t n);
    void (*put16)(const float* in, float scale, float bias, std::uint16_t* out, std::size_t n);
    void (*put32x3)(const Rows3& in, const Affine& map, float* out, std::size_t n);
    void (*put16x3)(const Rows3& in, const Affine& map, std::uint16_t* out, std::size_t n);

    // upsample, rgb_of_yuv and nothing (into scratch), put32 or put16 in one pass over the row; the columns done, which
    // is n less a part of a vector. R, G, B go to rows 0, 1, 2.
    std::size_t (*rgb_keep)(const FromYuv& m, const LumaSamples& luma, const HalfChroma& chroma,
                            const RowSpan<float>& out);
    std::size_t (*rgb_put32)(const RgbElements& to, const LumaSamples& luma, const HalfChroma& chroma,
                             const RowSpan<float>& out);
    std::size_t (*rgb_put16)(const RgbElements& to, const LumaSamples& luma, const HalfChroma& chroma,
                             const RowSpan<std::uint16_t>& out);

    // Tensor elements to scratch; the count of NaN elements.
    std::size_t (*get32)(const float* in, float scale, float bias, float* out, std::size_t n);
    std::size_t (*get16)(const std::uint16_t* in, float scale, float bias, float* out, std::size_t n);
    std::size_t (*get32x3)(const float* in, const Affine& map, const Rows3& out, std::size_t n);
    std::size_t (*get16x3)(const std::uint16_t* in, const Affine& map, const Rows3& out, std::size_t n);

    // get32 or get16 and yuv_of_rgb in one pass, from rows R, G, B.
    std::size_t (*yuv_get32)(const YuvOfElements& to, const RowSpan<const float>& in, const Rows3& out);
    std::size_t (*yuv_get16)(const YuvOfElements& to, const RowSpan<const std::uint16_t>& in, const Rows3& out);

    // Scratch to samples.
    void (*narrow8)(const float* in, const Quantizer& q, std::uint8_t* out, std::size_t n);
    void (*narrow16)(const float* in, const Quantizer& q, std::uint16_t* out, std::size_t n);
    void (*pair8)(const float* const in[2], const Quantizer& q, std::uint8_t* out, std::size_t n);
    void (*pair16)(const float* const in[2], const Quantizer& q, std::uint16_t* out, std::size_t n);
};

/// The kernels of the best SIMD level that this machine has (or hwy::SetSupportedTargetsForTest leaves).
[[nodiscard]] const RowKernels& row_kernels();

}  // namespace millrace::ops
