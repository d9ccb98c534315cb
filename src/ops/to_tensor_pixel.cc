#include "ops/to_tensor_pixel.h"

#include <bit>

namespace millrace::ops {

namespace {

// Quarters of the nearer and the farther sample (ops/formula.h, up_tap).
std::uint32_t near_quarters(Site site, bool odd) {
    return static_cast<std::uint32_t>(up_tap(site, odd ? 1 : 0).near * 4.0F);
}

void set_axis(StripPlan& strip, int axis, int log2, Site site) {
    if (log2 == 0) return;
    strip.near_even[axis] = near_quarters(site, false);
    strip.far_even[axis] = 4 - strip.near_even[axis];
    strip.near_odd[axis] = near_quarters(site, true);
    strip.far_odd[axis] = 4 - strip.near_odd[axis];
}

StripPlan strip_plan(const ToTensorPlan& plan, const PictureView& in) {
    constexpr float exponent = 8388608.0F;
    StripPlan strip;
    set_axis(strip, 0, in.log2_w, in.across);
    set_axis(strip, 1, in.log2_h, in.down);
    const auto unit = static_cast<float>((in.log2_w == 1 ? 4 : 1) * (in.log2_h == 1 ? 4 : 1));
    strip.matrix = plan.from_yuv;
    strip.matrix.r_cr /= unit;
    strip.matrix.g_cb /= unit;
    strip.matrix.g_cr /= unit;
    strip.matrix.b_cb /= unit;
    strip.luma_offset = exponent + plan.codes.luma_offset;
    strip.chroma_offset = exponent + plan.codes.chroma_offset * unit;
    return strip;
}

}  // namespace

TensorView view_of(std::byte* data, int width, int height, const TensorSpec& spec) {
    TensorView view{data, width, height, spec.layout == Layout::nhwc, spec.channels};
    if (!spec.packing) return view;
    view.nhwc = false;
    view.packed = spec.packing->channels;
    view.shift = spec.packing->block == 2 ? 1 : 0;
    return view;
}

ToTensorArgs to_tensor_args(const ToTensorPlan& plan, const device::Picture& picture, const device::Tensor& tensor) {
    ToTensorArgs args;
    args.in = view_of(picture);
    args.out = view_of(tensor.data, plan.width, plan.height, plan.spec);
    args.codes = plan.codes;
    args.from_yuv = plan.from_yuv;
    args.to_yuv = plan.to_yuv;
    args.element = plan.element;
    args.strip = strip_plan(plan, args.in);
    if (!plan.resize) return args;
    const ResizePlan& resize = *plan.resize;
    args.resize = true;
    args.left = resize.placement.left;
    args.top = resize.placement.top;
    args.scaled_width = resize.placement.x.output;
    args.scaled_height = resize.placement.y.output;
    args.x = {nullptr, nullptr, static_cast<std::int64_t>(resize.x.stride), resize.x.taps};
    args.y = {nullptr, nullptr, static_cast<std::int64_t>(resize.y.stride), resize.y.taps};
    return args;
}

bool takes_strips(const ToTensorPlan& plan, const ToTensorArgs& args) {
    const bool same_size = !plan.resize && plan.width == plan.input.width && plan.height == plan.input.height;
    const bool luma = plan.spec.channels == Channels::luma && args.in.family != core::ColorFamily::rgb;
    const bool rgb = (plan.spec.channels == Channels::rgb || plan.spec.channels == Channels::bgr) &&
                     args.in.family == core::ColorFamily::yuv;
    const int pixels = 16 / static_cast<int>(core::size_of(plan.spec.dtype));
    const bool aligned = rows_aligned(args.in) && std::bit_cast<std::uintptr_t>(args.out.data) % 16 == 0;
    return same_size && (luma || rgb) && plan.width % pixels == 0 && aligned;
}

}  // namespace millrace::ops
