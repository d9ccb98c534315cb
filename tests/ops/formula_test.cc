// Both directions against the formula in float64, over everything that is supported.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

const std::array<std::array<int, 2>, 6> sizes{{{1, 1}, {3, 5}, {2, 2}, {70, 6}, {37, 9}, {5, 1}}};

double one_lsb(const core::PictureDesc& desc) { return 1.0 / ((1 << desc.format.depth) - 1); }

TEST(ToTensor, EveryFormatIsWithinAHundredthOfAnLsbOfFloat64) {
    std::mt19937 random(1);
    for_every_yuv(sizes, [&](const core::PictureDesc& desc) {
        const device::Picture picture = make_picture(desc, 6);
        fill_random(picture, random);
        const ToTensor op(desc, {});
        const device::Tensor tensor = make_tensor(op.output());
        op.run(device::host_stream(), picture, tensor);
        double worst = 0;
        for (int y = 0; y < desc.height; ++y) {
            for (int x = 0; x < desc.width; ++x) {
                const oracle::Color rgb = oracle::rgb_at(picture, x, y);
                for (int c = 0; c < 3; ++c) {
                    worst = std::max(worst, std::abs(static_cast<double>(element(tensor, Layout::nchw, c, x, y)) -
                                                     rgb.at(static_cast<std::size_t>(c))));
                }
            }
        }
        ASSERT_LT(worst, one_lsb(desc) / 100) << describe(desc);
    });
}

TEST(ToPicture, EveryFormatIsFloat64Rounded) {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> color(-0.1F, 1.1F);
    for_every_yuv(sizes, [&](const core::PictureDesc& desc) {
        const ToPicture op({}, desc.width, desc.height, desc);
        const device::Tensor tensor = make_tensor({core::DType::float32, {3, desc.height, desc.width}});
        const std::size_t n = static_cast<std::size_t>(desc.width) * static_cast<std::size_t>(desc.height);
        std::vector<oracle::Color> rgb(n);
        for (std::size_t i = 0; i < 3 * n; ++i) {
            tensor.as<float>()[i] = color(random);
            rgb.at(i % n).at(i / n) = tensor.as<float>()[i];
        }
        const device::Picture picture = make_picture(desc, 10);
        EXPECT_EQ(op.run(device::host_stream(), tensor, nullptr, picture).nan_count, 0);
        const double maximum = (1 << desc.format.depth) - 1;
        double worst = 0;
        for (int c = 0; c < 3; ++c) {
            for (int y = 0; y < component_height(desc, c); ++y) {
                for (int x = 0; x < component_width(desc, c); ++x) {
                    const double code = std::clamp(oracle::code_at(desc, rgb, c, {x, y}), 0.0, maximum);
                    worst = std::max(worst, std::abs(code - sample(picture, c, x, y)));
                }
            }
        }
        ASSERT_LT(worst, 0.51) << describe(desc);
    });
}

}  // namespace
}  // namespace millrace::ops::test
