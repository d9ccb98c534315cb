// Pictures to tensors and back: codes return, however they are packed, padded, and by however many threads.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "ops/conversions.h"
#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

TEST(RoundTrip, EveryCodeOf8BitYuv444Returns) {
    const int side = 256;
    for (const core::Matrix matrix : matrices) {
        for (const core::Range range : ranges) {
            core::PictureDesc desc = yuv_desc(side, side, 8, {0, 0});
            desc.color.matrix = matrix;
            desc.color.range = range;
            const device::Picture picture = make_picture(desc);
            const device::Picture returned = make_picture(desc);
            for (int x = 0; x < side; ++x) {
                for (int y = 0; y < side; ++y) {
                    set_sample(picture, 1, x, y, x);
                    set_sample(picture, 2, x, y, y);
                }
            }
            const ToTensor there(desc, {});
            const ToPicture here({}, side, side, desc);
            const device::Tensor tensor = make_tensor(there.output());
            for (int luma = 0; luma < 256; ++luma) {
                std::memset(picture.planes[0].data, luma, std::size_t{side} * side);
                there.run(device::host_stream(), picture, tensor);
                here.run(device::host_stream(), tensor, nullptr, returned);
                // Not only within one step: every code itself.
                ASSERT_EQ(std::memcmp(picture.planes[0].data, returned.planes[0].data, std::size_t{3} * side * side), 0)
                    << describe(desc) << " luma " << luma;
            }
        }
    }
}

TEST(RoundTrip, DeepYuv444AndRgbReturn) {
    std::mt19937 random(21);
    for (const int depth : {10, 12}) {
        for (const core::Range range : ranges) {
            for (const core::Matrix matrix : matrices) {
                core::PictureDesc desc = yuv_desc(301, 50, depth, {0, 0});
                desc.color.range = range;
                desc.color.matrix = matrix;
                const device::Picture picture = make_picture(desc, 2);
                fill_random(picture, random);
                EXPECT_EQ(largest_difference(picture, back(convert(picture, {}), {}, desc)), 0) << describe(desc);
            }
        }
    }
    for (const int depth : depths) {
        for (const core::ColorFamily family : {core::ColorFamily::rgb, core::ColorFamily::gray}) {
            for (const core::Range range : ranges) {
                core::PictureDesc desc = family_desc(family, depth, 100, 41);
                desc.color.range = range;
                const device::Picture picture = make_picture(desc, 2);
                fill_random(picture, random);
                EXPECT_EQ(largest_difference(picture, back(convert(picture, {}), {}, desc)), 0) << describe(desc);
            }
        }
    }
}

TEST(RoundTrip, Float16Holds8And10Bits) {
    std::mt19937 random(22);
    TensorSpec spec;
    spec.dtype = core::DType::float16;
    for (const int depth : {8, 10}) {
        for (const core::Range range : ranges) {
            core::PictureDesc desc = yuv_desc(301, 50, depth, {0, 0});
            desc.color.range = range;
            const device::Picture picture = make_picture(desc);
            fill_random(picture, random);
            const device::Tensor tensor = convert(picture, spec);
            const device::Tensor exact = convert(picture, {});
            const float lsb = 1.0F / static_cast<float>((1 << depth) - 1);
            for (int y = 0; y < desc.height; ++y) {
                for (int x = 0; x < desc.width; ++x) {
                    for (int c = 0; c < 3; ++c) {
                        const float full = element(exact, Layout::nchw, c, x, y);
                        if (full > 1.0F || full < -1.0F) continue;
                        ASSERT_NEAR(element(tensor, Layout::nchw, c, x, y), full, lsb / 2);
                    }
                }
            }
            EXPECT_LE(largest_difference(picture, back(tensor, spec, desc)), 1) << describe(desc);
        }
    }
}

TEST(Packing, SemiPlanarAndHighBitsChangeNothing) {
    std::mt19937 random(30);
    for (const int depth : depths) {
        for (const Subsampling sub : subsamplings) {
            for (const core::Alignment alignment : {core::Alignment::low, core::Alignment::high}) {
                const core::PictureDesc desc = yuv_desc(29, 13, depth, sub);
                const device::Picture planar = make_picture(desc, 4);
                fill_random(planar, random);
                core::PixelFormat format = desc.format;
                format.packing = core::Packing::semi_planar;
                format.alignment = alignment;
                const device::Picture packed = repacked(planar, format);
                const device::Tensor a = convert(planar, {});
                const device::Tensor b = convert(packed, {});
                ASSERT_EQ(std::memcmp(a.data, b.data, a.desc.byte_count()), 0) << core::name(format);
                ASSERT_EQ(samples(back(a, {}, packed.desc)), samples(back(a, {}, desc))) << core::name(format);
            }
        }
    }
}

TEST(Padding, OnlyTheTopLeftOfTheTensorIsUsed) {
    std::mt19937 random(31);
    const device::Picture picture = make_picture(yuv_desc(21, 13, 8, {0, 0}));
    fill_random(picture, random);
    const device::Tensor padded = convert(picture, {}, ResizeSpec{32, 16, Fit::pad});
    const device::Picture returned = make_picture(picture.desc);
    ToPicture({}, 32, 16, picture.desc).run(device::host_stream(), padded, nullptr, returned);
    EXPECT_EQ(samples(returned), samples(picture));
    // NaN in the padding is not the picture's.
    const device::Tensor poisoned = make_tensor({core::DType::float32, {3, 16, 32}});
    std::fill_n(poisoned.as<float>(), poisoned.desc.element_count(), NAN);
    EXPECT_EQ(ToPicture({}, 32, 16, picture.desc).run(device::host_stream(), poisoned, nullptr, returned).nan_count,
              3 * 21 * 13);
}

TEST(Threads, OneOpServesMany) {
    std::mt19937 random(32);
    const device::Picture picture = make_picture(yuv_desc(64, 48, 8, {1, 1}));
    fill_random(picture, random);
    TensorSpec luma;
    luma.channels = Channels::luma;
    const ToTensor there(picture.desc, luma, ResizeSpec{128, 96, Fit::stretch, Filter::bicubic});
    const core::PictureDesc large = yuv_desc(128, 96, 8, {1, 1});
    const ToPicture here(luma, 128, 96, large);
    std::array<std::vector<int>, 4> results;
    {
        std::vector<std::jthread> threads;
        for (std::vector<int>& result : results) {
            threads.emplace_back([&] {
                const device::Tensor tensor = make_tensor(there.output());
                const device::Picture returned = make_picture(large);
                there.run(device::host_stream(), picture, tensor);
                here.run(device::host_stream(), tensor, &picture, returned);
                result = samples(returned);
            });
        }
    }
    for (const std::vector<int>& result : results) EXPECT_EQ(result, results[0]);
}

}  // namespace
}  // namespace millrace::ops::test
