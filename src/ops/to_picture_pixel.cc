#include "ops/to_picture_pixel.h"

#include <bit>
#include <cmath>
#include <utility>

namespace millrace::ops {

namespace {

StripCodes strip_codes(const CodeScale& codes) {
    StripCodes strip;
    strip.unit = codes.maximum + 1.0F;
    strip.luma_span = codes.luma_span / strip.unit;
    strip.luma_offset = codes.luma_offset / strip.unit;
    strip.chroma_span = codes.chroma_span / strip.unit;
    strip.chroma_offset = codes.chroma_offset / strip.unit;
    strip.most = codes.maximum / strip.unit;
    return strip;
}

bool is_safe(const Affine& color, float magnitude) {
    for (std::size_t c = 0; c < color.scale.size(); ++c) {
        const float most = magnitude * std::abs(color.scale.at(c)) + std::abs(color.bias.at(c));
        if (!(most < color_limit)) return false;
    }
    return true;
}

// Roundings keep order, so what is safe lies below what is not.
std::uint32_t first_unsafe(const Affine& color, core::DType dtype) {
    const bool half = dtype == core::DType::float16;
    std::uint32_t low = 0;
    std::uint32_t high = half ? 0x7C00U : 0x7F800000U;  // infinity
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        const float magnitude = half ? float_of_half(static_cast<std::uint16_t>(middle)) : std::bit_cast<float>(middle);
        if (is_safe(color, magnitude)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool is_identity(const Affine& color) {
    constexpr Affine identity;
    return color.scale == identity.scale && color.bias == identity.bias;
}

StripElements strip_elements(const ToPicturePlan& plan) {
    const auto size = static_cast<std::int64_t>(core::size_of(plan.spec.dtype));
    const bool nhwc = plan.spec.layout == Layout::nhwc;
    const bool bgr = plan.spec.channels == Channels::bgr;
    const std::int64_t plane = size * plan.tensor_width * plan.tensor_height;
    StripElements e;
    e.pixel = nhwc ? 3 * size : size;
    e.row = e.pixel * plan.tensor_width;
    const std::int64_t step = nhwc ? size : plane;
    e.red = bgr ? 2 * step : 0;
    e.next = bgr ? -step : step;
    e.chunk = nhwc ? 0 : e.red;
    e.behind = nhwc ? 16 : e.next;
    e.swapped = nhwc && bgr;
    e.color = plan.color;
    if (bgr) {
        std::swap(e.color.scale[0], e.color.scale[2]);
        std::swap(e.color.bias[0], e.color.bias[2]);
    }
    e.same_color = is_identity(plan.color);
    e.unsafe = first_unsafe(plan.color, plan.spec.dtype);
    return e;
}

}  // namespace

ToPictureArgs to_picture_args(const ToPicturePlan& plan, const device::Tensor& tensor, const BorrowedChroma* chroma,
                              const device::Picture& picture) {
    ToPictureArgs args;
    args.in = view_of(tensor.data, plan.tensor_width, plan.tensor_height, plan.spec);
    args.out = view_of(picture);
    args.codes = plan.codes;
    args.strip = strip_codes(plan.codes);
    args.color = plan.color;
    args.elements = strip_elements(plan);
    args.to_yuv = plan.to_yuv;
    args.from_yuv = plan.from_yuv;
    if (chroma == nullptr || chroma->plan.source.format.family == core::ColorFamily::gray) return args;
    const ChromaPlan& borrowed = chroma->plan;
    args.chroma = {true,
                   view_of(chroma->picture),
                   borrowed.codes,
                   borrowed.to_yuv,
                   borrowed.from_yuv,
                   {nullptr, nullptr, static_cast<std::int64_t>(borrowed.x.stride), borrowed.x.taps},
                   {nullptr, nullptr, static_cast<std::int64_t>(borrowed.y.stride), borrowed.y.taps}};
    return args;
}

bool takes_strips(const ToPicturePlan& plan, const ToPictureArgs& args) {
    const bool luma = plan.spec.channels == Channels::luma && args.out.family != core::ColorFamily::rgb;
    const bool rgb = (plan.spec.channels == Channels::rgb || plan.spec.channels == Channels::bgr) &&
                     args.out.family == core::ColorFamily::yuv;
    const int pixels = 16 / static_cast<int>(core::size_of(plan.spec.dtype));
    const bool aligned = rows_aligned(args.out) && std::bit_cast<std::uintptr_t>(args.in.data) % 16 == 0 &&
                         plan.tensor_width % pixels == 0;
    return (luma || rgb) && plan.output.width % pixels == 0 && aligned;
}

}  // namespace millrace::ops
