#pragma once
// zimg as a judge: conversions of whole images, planar, no dither.

#include <array>
#include <vector>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "ops/spec.h"

namespace millrace::ops::test {

/// Planar float32 image: R, G, B or one plane.
struct FloatImage {
    int width = 0;
    int height = 0;
    std::vector<std::vector<float>> planes;
};

/// R, G, B in 0..1 of a planar YUV picture; chroma bilinear at the siting.
FloatImage zimg_rgb(const device::Picture& picture);

/// A planar YUV picture of `desc` from R, G, B in 0..1; chroma bilinear at the siting, rounded, no dither.
device::Picture zimg_yuv(const FloatImage& rgb, const core::PictureDesc& desc);

/// A window of the source, in samples from its left top edge.
struct Window {
    double left = 0;
    double top = 0;
    double width = 0;
    double height = 0;
};

/// `window` of an R, G, B image at another size. bilinear and bicubic (b = 0, c = 0.5) only.
FloatImage zimg_resize(const FloatImage& rgb, const Window& window, std::array<int, 2> size, Filter filter);

/// A planar YUV picture at the size and layout of `desc`, with its matrix and range; all planes bicubic (b = 0, c =
/// 0.5).
device::Picture zimg_scale(const device::Picture& picture, const core::PictureDesc& desc);

}  // namespace millrace::ops::test
