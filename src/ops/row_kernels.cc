#include "ops/row_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/row_kernels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "ops/row_kernels_fused-inl.h"
#include "ops/row_kernels_memory-inl.h"
#include "ops/row_kernels_scratch-inl.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::ops::HWY_NAMESPACE {

const RowKernels* kernels() {
    static constexpr RowKernels table{
        .widen8 = widen8,
        .widen16 = widen16,
        .split8 = split8,
        .split16 = split16,
        .blend = blend,
        .upsample = upsample,
        .downsample = downsample,
        .down_cosited = down_cosited,
        .down_midway = down_midway,
        .rgb_of_yuv = rgb_of_yuv,
        .yuv_of_rgb = yuv_of_rgb,
        .number = number,
        .shift = shift,
        .resample = resample,
        .weigh = weigh,
        .put32 = put32,
        .put16 = put16,
        .put32x3 = put32x3,
        .put16x3 = put16x3,
        .rgb_keep = rgb_keep,
        .rgb_put32 = rgb_put32,
        .rgb_put16 = rgb_put16,
        .get32 = get32,
        .get16 = get16,
        .get32x3 = get32x3,
        .get16x3 = get16x3,
        .yuv_get32 = yuv_get32,
        .yuv_get16 = yuv_get16,
        .narrow8 = narrow8,
        .narrow16 = narrow16,
        .pair8 = pair8,
        .pair16 = pair16,
    };
    return &table;
}

}  // namespace millrace::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace millrace::ops {

HWY_EXPORT(kernels);

const RowKernels& row_kernels() { return *HWY_DYNAMIC_DISPATCH(kernels)(); }

}  // namespace millrace::ops
#endif
