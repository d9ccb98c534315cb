#pragma once
// A picture's planes in one tensor: Y', Cb, Cr one after another, rows compact, values in the low bits.

#include <string>

#include "core/picture_desc.h"
#include "core/tensor_desc.h"

namespace millrace::core {

/// The layout of samples in such a tensor, of a picture in any packing and alignment.
[[nodiscard]] PixelFormat planar(PixelFormat format);

/// Why there is no such tensor, to stand behind a colon; empty: there is. R'G'B' has no such planes, and those of odd
/// sizes are no whole rows of a tensor where chroma is subsampled.
[[nodiscard]] std::string why_no_planes(const PictureDesc& picture);

/// 4:2:0 [height * 3 / 2, width], as OpenCV's I420; 4:2:2 [height * 2, width]; 4:4:4 [3, height, width]; gray [height,
/// width]. uint8, deeper samples uint16. There is such a tensor (asserted).
[[nodiscard]] TensorDesc planes_desc(const PictureDesc& picture);

}  // namespace millrace::core
