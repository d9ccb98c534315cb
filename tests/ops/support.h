#pragma once
// Pictures and tensors for the tests of ops, and the colour formula in float64, written from H.273 and not from
// src/ops.

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/spec.h"

namespace millrace::ops::test {

/// "yuv420p10le bt709 limited left 7x5", for messages.
std::string describe(const core::PictureDesc& desc);

struct Subsampling {
    std::uint8_t w;
    std::uint8_t h;
};
inline constexpr std::array subsamplings{Subsampling{0, 0}, Subsampling{1, 0}, Subsampling{1, 1}};
inline constexpr std::array matrices{core::Matrix::bt709,     core::Matrix::fcc,       core::Matrix::bt470bg,
                                     core::Matrix::smpte170m, core::Matrix::smpte240m, core::Matrix::bt2020_ncl};
inline constexpr std::array ranges{core::Range::limited, core::Range::full};
inline constexpr std::array sitings{core::ChromaSiting::left,        core::ChromaSiting::center,
                                    core::ChromaSiting::top_left,    core::ChromaSiting::top,
                                    core::ChromaSiting::bottom_left, core::ChromaSiting::bottom};
inline constexpr std::array depths{8, 10, 12};

core::PictureDesc yuv_desc(int width, int height, int depth, Subsampling sub);

/// f(desc) for YUV of every size, depth, subsampling, siting, matrix and range.
template <class F>
void for_every_yuv(std::span<const std::array<int, 2>> sizes, F f) {
    for (const auto& [w, h] : sizes) {
        for (const int depth : depths) {
            for (const Subsampling sub : subsamplings) {
                for (const core::ChromaSiting siting : sitings) {
                    if (sub.w == 0 && siting != core::ChromaSiting::left) continue;
                    for (const core::Matrix matrix : matrices) {
                        for (const core::Range range : ranges) {
                            core::PictureDesc desc = yuv_desc(w, h, depth, sub);
                            desc.color.matrix = matrix;
                            desc.color.range = range;
                            desc.color.siting = siting;
                            f(desc);
                        }
                    }
                }
            }
        }
    }
}

/// A picture with rows `extra` bytes longer than needed, which hold a pattern; its memory ends with the last sample.
device::Picture make_picture(const core::PictureDesc& desc, std::ptrdiff_t extra = 0);
/// True while the extra bytes of make_picture() hold their pattern, and bits of samples outside the depth are 0.
bool untouched_outside(const device::Picture& picture);
/// The same samples in another packing and alignment.
device::Picture repacked(const device::Picture& picture, const core::PixelFormat& format);
device::Tensor make_tensor(const core::TensorDesc& desc);

/// Component 0..2 at (x, y) of its plane, as a code: packing and alignment undone.
int sample(const device::Picture& picture, int component, int x, int y);
void set_sample(const device::Picture& picture, int component, int x, int y, int code);
int component_width(const core::PictureDesc& desc, int component);
int component_height(const core::PictureDesc& desc, int component);

/// Random codes over all of 0..2^depth-1.
void fill_random(const device::Picture& picture, std::mt19937& random);
/// Smooth ramps and a little noise, codes of the nominal range.
void fill_smooth(const device::Picture& picture, std::mt19937& random);

/// All samples, row by row, component by component.
std::vector<int> samples(const device::Picture& picture);

/// The formula in float64.
namespace oracle {

using Color = std::array<double, 3>;

/// Chroma component (1, 2) at luma position (x, y), in codes: bilinear at the siting, edges clamped.
double chroma_at(const device::Picture& picture, int component, int x, int y);
/// R, G, B in 0..1 at luma position (x, y) of a YUV picture.
Color rgb_at(const device::Picture& picture, int x, int y);
/// The codes, not rounded and not clipped, of a YUV picture of `desc` made from R, G, B planes (row-major, 0..1).
/// `component` at (x, y) of its plane.
double code_at(const core::PictureDesc& desc, const std::vector<Color>& rgb, int component,
               std::array<int, 2> position);

}  // namespace oracle

/// Element (channel, x, y) of a [C, H, W] or [H, W, C] tensor of float32 or float16.
float element(const device::Tensor& tensor, Layout layout, int channel, int x, int y);

}  // namespace millrace::ops::test
