#pragma once
// A picture as kernels see it: plain numbers, and single samples of it. Private to src/ops.

#include <cstddef>
#include <cstdint>

#include "device/picture.h"
#include "ops/device_code.h"

namespace millrace::ops {

struct PictureView {
    std::byte* planes[3] = {nullptr, nullptr, nullptr};
    std::int64_t pitches[3] = {0, 0, 0};  ///< bytes
    int width = 0;
    int height = 0;
    int chroma_width = 0;  ///< of a chroma plane, in samples (pairs, where semi-planar)
    int chroma_height = 0;
    int log2_w = 0;
    int log2_h = 0;
    core::ColorFamily family = core::ColorFamily::yuv;
    bool paired = false;  ///< semi-planar
    int bytes = 1;        ///< of a sample
    int shift = 0;        ///< of the code in the sample
    Site across = Site::first;
    Site down = Site::first;
};

[[nodiscard]] PictureView view_of(const device::Picture& picture);

/// True where every row of every plane begins at a multiple of 16 bytes.
[[nodiscard]] bool rows_aligned(const PictureView& view);

namespace both {

MILLRACE_BOTH int clamp_to(int x, int end) { return x < 0 ? 0 : x < end ? x : end - 1; }

/// Where sample (x, y) of a component lies. S: std::uint8_t or std::uint16_t.
template <class S>
MILLRACE_BOTH S* sample_at(const PictureView& v, int component, int x, int y) {
    const bool pair = v.paired && component > 0;
    const int plane = pair ? 1 : component;
    const int at = pair ? 2 * x + component - 1 : x;
    return reinterpret_cast<S*>(v.planes[plane] + v.pitches[plane] * y) + at;
}

template <class S>
MILLRACE_BOTH float code_at(const PictureView& v, int component, int x, int y) {
    return static_cast<float>(*sample_at<S>(v, component, x, y) >> v.shift);
}

template <class S>
MILLRACE_BOTH void put_code(const PictureView& v, int component, int x, int y, float code) {
    *sample_at<S>(v, component, x, y) = static_cast<S>(static_cast<std::uint32_t>(code) << v.shift);
}

/// Chroma code at a luma position: bilinear, exact (ops/formula.h, up_tap).
template <class S>
MILLRACE_BOTH float chroma_at(const PictureView& v, int component, int x, int y) {
    const UpTap tx = v.log2_w == 0 ? UpTap{x, x, 1.0F} : up_tap(v.across, x);
    const UpTap ty = v.log2_h == 0 ? UpTap{y, y, 1.0F} : up_tap(v.down, y);
    const int other_x = clamp_to(tx.other, v.chroma_width);
    const int other_y = clamp_to(ty.other, v.chroma_height);
    const float near =
        code_at<S>(v, component, tx.at, ty.at) * ty.near + code_at<S>(v, component, tx.at, other_y) * (1.0F - ty.near);
    const float far = code_at<S>(v, component, other_x, ty.at) * ty.near +
                      code_at<S>(v, component, other_x, other_y) * (1.0F - ty.near);
    return near * tx.near + far * (1.0F - tx.near);
}

}  // namespace both
}  // namespace millrace::ops
