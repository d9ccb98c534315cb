#pragma once
// ToTensor one pixel, or one strip of pixels, at a time: what the kernels do, and the host's tests too. Private to
// src/ops.

#include "ops/picture_view.h"
#include "ops/to_tensor_host.h"

namespace millrace::ops {

/// Weights of one axis in memory of the device; see AxisWeights.
struct WeightsView {
    const std::int32_t* first = nullptr;
    const float* weights = nullptr;
    std::int64_t stride = 0;
    int taps = 0;
};

/// A tensor [C, H, W] or [H, W, C], or of packed pixels.
struct TensorView {
    std::byte* data = nullptr;
    int width = 0;
    int height = 0;
    bool nhwc = false;
    Channels channels = Channels::rgb;
    int packed = 0;  ///< Packing::channels; 0: not packed
    int shift = 0;   ///< log2 of Packing::block
};

[[nodiscard]] TensorView view_of(std::byte* data, int width, int height, const TensorSpec& spec);

/// Chroma of a strip in integers. A code at luma resolution is a sum of quarters in each halved axis; times `unit` (1,
/// 4, 16) it is whole and below 2^16. The matrix's factors are divided by `unit`, a power of two, so products are the
/// same to the last bit.
struct StripPlan {
    std::uint32_t near_even[2] = {1, 1};  ///< across, down; in quarters on a halved axis
    std::uint32_t far_even[2] = {0, 0};
    std::uint32_t near_odd[2] = {1, 1};
    std::uint32_t far_odd[2] = {0, 0};
    float luma_offset = 0;    ///< 2^23 + offset
    float chroma_offset = 0;  ///< 2^23 + offset * unit
    FromYuv matrix;           ///< factors for chroma in units
};

struct ToTensorArgs {
    PictureView in;
    TensorView out;
    CodeScale codes;
    FromYuv from_yuv;
    ToYuv to_yuv;
    Affine element;
    StripPlan strip;
    bool resize = false;
    int left = 0;  ///< the scaled picture's place in the tensor
    int top = 0;
    int scaled_width = 0;
    int scaled_height = 0;
    WeightsView x;
    WeightsView y;
};

/// The weights are left out: the caller has them where the kernel can read them.
[[nodiscard]] ToTensorArgs to_tensor_args(const ToTensorPlan& plan, const device::Picture& picture,
                                          const device::Tensor& tensor);

/// True where strips of 16 bytes of elements fit: Y'CbCr to R, G, B, or luma alone; not scaled; aligned rows.
[[nodiscard]] bool takes_strips(const ToTensorPlan& plan, const ToTensorArgs& args);

namespace both {

/// Colour of a pixel of the picture, as the tensor's channels say; see ColorReader.
template <class S>
MILLRACE_BOTH Triple color_at(const ToTensorArgs& a, int x, int y) {
    const PictureView& in = a.in;
    const bool luma = a.out.channels == Channels::luma;
    const bool yuv = a.out.channels == Channels::yuv;
    if (in.family == core::ColorFamily::yuv) {
        const float code = code_at<S>(in, 0, x, y);
        if (luma) return {number_of_luma(a.codes, code), 0.0F, 0.0F};
        const float cb = chroma_at<S>(in, 1, x, y);
        const float cr = chroma_at<S>(in, 2, x, y);
        if (!yuv) return rgb_of_yuv(a.from_yuv, {code, cb, cr});
        return {number_of_luma(a.codes, code), number_of_chroma(a.codes, cb) + 0.5F,
                number_of_chroma(a.codes, cr) + 0.5F};
    }
    const float first = number_of_luma(a.codes, code_at<S>(in, 0, x, y));
    if (in.family == core::ColorFamily::gray) {
        if (yuv) return {first, 0.5F, 0.5F};
        return {first, first, first};
    }
    const Triple rgb{first, number_of_luma(a.codes, code_at<S>(in, 1, x, y)),
                     number_of_luma(a.codes, code_at<S>(in, 2, x, y))};
    if (!luma && !yuv) return rgb;
    const Triple converted = yuv_of_rgb(a.to_yuv, rgb);
    return {converted.a, converted.b + 0.5F, converted.c + 0.5F};
}

MILLRACE_BOTH Triple weighed(const Triple& color, float weight) {
    return {color.a * weight, color.b * weight, color.c * weight};
}
MILLRACE_BOTH Triple sum(const Triple& a, const Triple& b) { return {a.a + b.a, a.b + b.b, a.c + b.c}; }

/// Colour of pixel (x, y) of the scaled picture: along the rows, then down the columns, tap by tap.
template <class S>
MILLRACE_BOTH Triple resized_at(const ToTensorArgs& a, int x, int y) {
    const int first_x = a.x.first[x];
    const int first_y = a.y.first[y];
    Triple out;
    for (int j = 0; j < a.y.taps; ++j) {
        Triple row;
        for (int i = 0; i < a.x.taps; ++i) {
            const Triple term = weighed(color_at<S>(a, first_x + i, first_y + j), a.x.weights[i * a.x.stride + x]);
            row = i == 0 ? term : sum(row, term);
        }
        const Triple term = weighed(row, a.y.weights[j * a.y.stride + y]);
        out = j == 0 ? term : sum(out, term);
    }
    return out;
}

/// Colour of pixel (x, y) of the tensor.
template <class S>
MILLRACE_BOTH Triple tensor_color(const ToTensorArgs& a, int x, int y) {
    if (!a.resize) return color_at<S>(a, clamp_to(x, a.in.width), clamp_to(y, a.in.height));
    const int sx = x - a.left;
    const int sy = y - a.top;
    if (sx >= 0 && sx < a.scaled_width && sy >= 0 && sy < a.scaled_height) return resized_at<S>(a, sx, sy);
    const float neutral = a.out.channels == Channels::yuv ? 0.5F : 0.0F;
    return {0.0F, neutral, neutral};
}

/// Where tensor channel `channel` of pixel (x, y) of the picture lies in a tensor of packed pixels, in elements.
MILLRACE_BOTH std::int64_t packed_place(const TensorView& v, int x, int y, int channel) {
    const std::int64_t pixel = static_cast<std::int64_t>(y >> v.shift) * (v.width >> v.shift) + (x >> v.shift);
    const int mask = (1 << v.shift) - 1;
    const int inner = ((y & mask) << v.shift) + (x & mask);
    return pixel * v.packed + (channel << (2 * v.shift)) + inner;
}

/// Where such an element lies in any tensor.
MILLRACE_BOTH std::int64_t place_of(const TensorView& v, int x, int y, int channel) {
    if (v.packed > 0) return packed_place(v, x, y, channel);
    const std::int64_t at = static_cast<std::int64_t>(y) * v.width + x;
    const int channels = v.channels == Channels::luma ? 1 : 3;
    return v.nhwc ? channels * at + channel : static_cast<std::int64_t>(v.width) * v.height * channel + at;
}

MILLRACE_BOTH void put(float* to, float value) { *to = value; }
MILLRACE_BOTH void put(std::uint16_t* to, float value) { *to = half_of(value); }

/// Writes component `component` (of R, G, B, or the first of luma) of a colour as an element. T: float, or
/// std::uint16_t for halves.
template <class T>
MILLRACE_BOTH void put_component(const ToTensorArgs& a, int x, int y, int component, float value) {
    const TensorView& out = a.out;
    const int channel = out.channels == Channels::bgr ? 2 - component : component;
    T* to = reinterpret_cast<T*>(out.data) + place_of(out, x, y, channel);
    put(to, apply(a.element, static_cast<std::size_t>(channel), value));
}

/// Writes a colour as elements.
template <class T>
MILLRACE_BOTH void put_color(const ToTensorArgs& a, int x, int y, const Triple& color) {
    put_component<T>(a, x, y, 0, color.a);
    if (a.out.channels == Channels::luma) return;
    put_component<T>(a, x, y, 1, color.b);
    put_component<T>(a, x, y, 2, color.c);
    T* data = reinterpret_cast<T*>(a.out.data);
    for (int c = 3; c < a.out.packed; ++c) put(data + packed_place(a.out, x, y, c), 0.0F);
}

}  // namespace both
}  // namespace millrace::ops
