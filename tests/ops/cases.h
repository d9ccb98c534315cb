#pragma once
// Random conversions, and memory for them that looks the same on every device: for comparing versions of the ops byte
// by byte.

#include <optional>
#include <random>
#include <string>

#include "core/picture_desc.h"
#include "device/buffer_pool.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/spec.h"

namespace millrace::ops::test {

/// A run of ToTensor.
struct TensorCase {
    core::PictureDesc input;
    TensorSpec spec;
    std::optional<ResizeSpec> resize;
};

/// A run of ToPicture.
struct PictureCase {
    TensorSpec spec;
    int tensor_width = 0;
    int tensor_height = 0;
    core::PictureDesc output;
    std::optional<core::PictureDesc> chroma;
};

[[nodiscard]] TensorCase any_tensor_case(std::mt19937& random);
[[nodiscard]] PictureCase any_picture_case(std::mt19937& random);
[[nodiscard]] std::string describe(const TensorCase& c);
[[nodiscard]] std::string describe(const PictureCase& c);
[[nodiscard]] core::TensorDesc tensor_desc(const PictureCase& c);

/// How rows lie: at multiples of 64 bytes, as pools lay them, or wherever the one before ends and a bit.
enum class Rows { aligned, loose };

/// A picture over the bytes of a tensor, so that all of its memory can be filled, copied and compared.
struct Canvas {
    device::Tensor block;  ///< uint8
    device::Picture picture;
};

[[nodiscard]] Canvas make_canvas(device::BufferPool& pool, const core::PictureDesc& desc, Rows rows);

/// Random codes of the picture's depth in a canvas of host memory; the bytes around them are random too.
void fill(const Canvas& canvas, std::mt19937& random);

/// Elements in and around the range of colour; one in `wild` any bit pattern (NaN, infinite, subnormal); none where 0.
void fill(const device::Tensor& tensor, std::mt19937& random, unsigned wild);

/// The elements of a [C, H, W] tensor of three channels as packed pixels; what lies behind them is `behind`.
[[nodiscard]] device::Tensor packed(device::BufferPool& pool, const device::Tensor& planes, const Packing& packing,
                                    std::uint16_t behind);

/// NaN among the elements of the top left `width` x `height` of a [C, H, W] or [H, W, C] tensor.
[[nodiscard]] std::int64_t count_nan(const device::Tensor& tensor, Layout layout, int width, int height);

}  // namespace millrace::ops::test
