#pragma once
// What a model's tensor looks like, in the words of the ops.

#include <array>
#include <optional>

#include "core/tensor_desc.h"

namespace millrace::ops {

enum class Layout { nchw, nhwc };

/// Channel order of a tensor. luma: Y' alone, one channel. yuv: Y', Cb, Cr, all at luma resolution, Cb and Cr centred
/// on 0.5 * white: no matrix is applied (used between formats of one matrix).
enum class Channels { rgb, bgr, luma, yuv };

/// How fused layers have pictures in memory (infer/session.h, Border): [H / block, W / block, channels]. A pixel there
/// has block x block pixels of the picture, first those of the first channel, row by row, and zeros, or anything that
/// nobody reads, behind those of the third.
struct Packing {
    int channels = 8;  ///< 8 or 16
    int block = 1;     ///< 1; of what becomes a picture also 2, with 16 channels
    friend bool operator==(const Packing&, const Packing&) = default;
};

/// value = (color / 1.0 * white - mean[c]) / std[c], with color in 0..1 (not clipped), mean and std in units of white.
struct TensorSpec {
    core::DType dtype = core::DType::float32;  ///< float32 or float16
    Layout layout = Layout::nchw;
    Channels channels = Channels::rgb;
    float white = 1.0F;
    std::array<float, 3> mean{0, 0, 0};
    std::array<float, 3> std{1, 1, 1};
    /// In place of `layout`, of float16 R, G, B or B, G, R, on a GPU alone (asserted).
    std::optional<Packing> packing{};  // NOLINT(readability-redundant-member-init)
};

enum class Filter { bilinear, bicubic, area };

/// stretch: to the size. letterbox: the whole picture, centred, aspect kept, black bars. crop: fills the size, centred,
/// aspect kept, edges cut. pad: not scaled; placed top left, edges repeated (the size is at least the picture's).
enum class Fit { stretch, letterbox, crop, pad };

struct ResizeSpec {
    int width = 0;
    int height = 0;
    Fit fit = Fit::stretch;
    Filter filter = Filter::bilinear;
};

}  // namespace millrace::ops
