// Any size, pitch, layout and colour.

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

core::PictureDesc any_yuv() {
    core::PictureDesc desc = yuv_desc(*rc::gen::inRange(1, 90), *rc::gen::inRange(1, 20),
                                      *rc::gen::elementOf(std::vector<int>(depths.begin(), depths.end())),
                                      subsamplings.at(*rc::gen::inRange<std::size_t>(0, subsamplings.size())));
    desc.color.matrix = matrices.at(*rc::gen::inRange<std::size_t>(0, matrices.size()));
    desc.color.range = ranges.at(*rc::gen::inRange<std::size_t>(0, ranges.size()));
    desc.color.siting = sitings.at(*rc::gen::inRange<std::size_t>(0, sitings.size()));
    desc.format.packing = *rc::gen::element(core::Packing::planar, core::Packing::semi_planar);
    desc.format.alignment = *rc::gen::element(core::Alignment::low, core::Alignment::high);
    return desc;
}

std::ptrdiff_t any_extra() { return *rc::gen::inRange<std::ptrdiff_t>(0, 40) * 2; }

RC_GTEST_PROP(AnyPicture, ToTensorIsTheFormula, ()) {
    const core::PictureDesc desc = any_yuv();
    const Layout layout = *rc::gen::element(Layout::nchw, Layout::nhwc);
    const device::Picture picture = make_picture(desc, any_extra());
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    fill_random(picture, random);
    TensorSpec spec;
    spec.layout = layout;
    const ToTensor op(desc, spec);
    const device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    for (int y = 0; y < desc.height; ++y) {
        for (int x = 0; x < desc.width; ++x) {
            const oracle::Color rgb = oracle::rgb_at(picture, x, y);
            for (int c = 0; c < 3; ++c) {
                const double ours = element(tensor, layout, c, x, y);
                RC_ASSERT(std::abs(ours - rgb.at(static_cast<std::size_t>(c))) < 0.01 / ((1 << desc.format.depth) - 1));
            }
        }
    }
}

RC_GTEST_PROP(AnyPicture, ToPictureIsTheFormulaAndStaysInItsRows, ()) {
    const core::PictureDesc desc = any_yuv();
    const int wider = *rc::gen::inRange(0, 20);
    const int higher = *rc::gen::inRange(0, 5);
    const device::Tensor tensor = make_tensor({core::DType::float32, {3, desc.height + higher, desc.width + wider}});
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    std::uniform_real_distribution<float> color(-0.2F, 1.2F);
    for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) tensor.as<float>()[i] = color(random);
    std::vector<oracle::Color> rgb;
    for (int y = 0; y < desc.height; ++y) {
        for (int x = 0; x < desc.width; ++x) {
            rgb.push_back({element(tensor, Layout::nchw, 0, x, y), element(tensor, Layout::nchw, 1, x, y),
                           element(tensor, Layout::nchw, 2, x, y)});
        }
    }
    const device::Picture picture = make_picture(desc, any_extra());
    const ToPicture op({}, desc.width + wider, desc.height + higher, desc);
    op.run(device::host_stream(), tensor, nullptr, picture);
    const double maximum = (1 << desc.format.depth) - 1;
    for (int c = 0; c < 3; ++c) {
        for (int y = 0; y < component_height(desc, c); ++y) {
            for (int x = 0; x < component_width(desc, c); ++x) {
                const double code = std::clamp(oracle::code_at(desc, rgb, c, {x, y}), 0.0, maximum);
                RC_ASSERT(std::abs(code - sample(picture, c, x, y)) < 0.51);
            }
        }
    }
    RC_ASSERT(untouched_outside(picture));
}

RC_GTEST_PROP(AnyResize, OfAFlatPictureIsFlatAndNoFilterButBicubicOvershoots, ()) {
    core::PictureDesc desc = any_yuv();
    const device::Picture picture = make_picture(desc, any_extra());
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    fill_random(picture, random);
    const Filter filter = *rc::gen::element(Filter::bilinear, Filter::bicubic, Filter::area);
    const Fit fit = *rc::gen::element(Fit::stretch, Fit::crop);
    TensorSpec spec;
    spec.channels = Channels::yuv;
    const ToTensor op(desc, spec, ResizeSpec{*rc::gen::inRange(1, 100), *rc::gen::inRange(1, 40), fit, filter});
    const device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    const auto n = static_cast<std::size_t>(tensor.desc.element_count() / 3);
    const double unit = 1.0 / (1 << desc.format.depth);
    for (std::size_t i = 0; i < n && filter != Filter::bicubic; ++i) {
        // Codes are within the depth, so luma is within what limited range makes of it.
        RC_ASSERT(tensor.as<float>()[i] > -0.08F && tensor.as<float>()[i] < 1.1F);
    }
    const int code = *rc::gen::inRange(0, 1 << desc.format.depth);
    for (int c = 0; c < 3; ++c) {
        for (int y = 0; y < component_height(desc, c); ++y) {
            for (int x = 0; x < component_width(desc, c); ++x) set_sample(picture, c, x, y, code);
        }
    }
    op.run(device::host_stream(), picture, tensor);
    for (std::size_t i = 0; i < 3 * n; ++i) {
        RC_ASSERT(std::abs(static_cast<double>(tensor.as<float>()[i] - tensor.as<float>()[i / n * n])) < 0.05 * unit);
    }
}

}  // namespace
}  // namespace millrace::ops::test
