#include "ops/to_picture_pixel.h"

#include <bit>

namespace millrace::ops {

ToPictureArgs to_picture_args(const ToPicturePlan& plan, const device::Tensor& tensor, const BorrowedChroma* chroma,
                              const device::Picture& picture) {
    ToPictureArgs args;
    args.in = {tensor.data, plan.tensor_width, plan.tensor_height, plan.spec.layout == Layout::nhwc,
               plan.spec.channels};
    args.out = view_of(picture);
    args.codes = plan.codes;
    args.color = plan.color;
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
