#pragma once
// Resampling weights of one axis, computed once in float64 and kept in float32. Private to src/ops.

#include "core/picture_desc.h"
#include "ops/row_kernels.h"
#include "ops/spec.h"

namespace millrace::ops {

/// How output samples lie over input samples. Positions are in input samples from the first sample's left edge: the
/// centre of output i is at (i + 0.5) * ratio + shift, sample k covers [k, k + 1].
struct AxisMap {
    int input = 1;
    int output = 1;
    double ratio = 1;
    double shift = 0;
};

/// bilinear: triangle; bicubic: Catmull-Rom (Keys, a = -0.5); both widened by the ratio where it shrinks, so nothing
/// aliases. area: the mean over the interval that the output covers. Beyond the edges samples are reflected (the edge
/// sample twice), as zimg does.
[[nodiscard]] AxisWeights make_weights(Filter filter, const AxisMap& map);

/// Where a picture goes in a tensor: the rectangle that it fills, and the maps into it.
struct Placement {
    int left = 0;
    int top = 0;
    AxisMap x;
    AxisMap y;
};

/// Fit a width x height picture by `spec` (see ops/spec.h); not Fit::pad, which scales nothing. Letterbox sizes round
/// to nearest, bars of unequal width have the narrower one left and top; crop windows may begin between samples.
[[nodiscard]] Placement place(int width, int height, const ResizeSpec& spec);

}  // namespace millrace::ops
