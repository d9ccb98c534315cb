// Samples at other places: in every packing and alignment, in tensors and out of them again.

#include "ops/repack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/planes.h"
#include "ops/repack_cuda.h"
#include "ops/support.h"

namespace millrace::ops::test {
namespace {

// Every layout of a picture's samples, each with rows of some bytes more than needed.
std::vector<device::Picture> layouts_of(const device::Picture& picture) {
    std::vector<device::Picture> layouts;
    for (const core::Packing packing : {core::Packing::planar, core::Packing::semi_planar}) {
        for (const core::Alignment alignment : {core::Alignment::low, core::Alignment::high}) {
            core::PixelFormat format = picture.desc.format;
            format.packing = packing;
            format.alignment = alignment;
            layouts.push_back(repacked(picture, format));
        }
    }
    return layouts;
}

// f(a picture of random samples), of every depth and subsampling.
template <class F>
void for_every_format(F f) {
    std::mt19937 random(7);
    for (const int depth : depths) {
        for (const Subsampling sub : subsamplings) {
            const device::Picture picture = make_picture(yuv_desc(38, 22, depth, sub));
            fill_random(picture, random);
            f(picture);
        }
    }
}

int stored(const device::Tensor& tensor, std::size_t index) {
    return tensor.desc.dtype == core::DType::uint8 ? tensor.as<std::uint8_t>()[index]
                                                   : tensor.as<std::uint16_t>()[index];
}

TEST(Repack, PlanesInATensorAreTheSamplesInOrder) {
    for_every_format([](const device::Picture& picture) {
        const std::vector<int> expected = samples(picture);
        for (const device::Picture& from : layouts_of(picture)) {
            const device::Tensor tensor = make_tensor(core::planes_desc(from.desc));
            ASSERT_EQ(tensor.desc.element_count(), static_cast<std::int64_t>(expected.size()));
            repack(device::host_stream(), from, planes_in(tensor, from.desc));
            for (std::size_t i = 0; i < expected.size(); ++i) {
                ASSERT_EQ(stored(tensor, i), expected[i]) << describe(from.desc) << " " << i;
            }
        }
    });
}

TEST(Repack, BackIntoEveryLayoutAndNothingElseIsWritten) {
    for_every_format([](const device::Picture& picture) {
        const device::Tensor tensor = make_tensor(core::planes_desc(picture.desc));
        repack(device::host_stream(), picture, planes_in(tensor, picture.desc));
        for (const device::Picture& layout : layouts_of(picture)) {
            const device::Picture to = make_picture(layout.desc, 6);
            repack(device::host_stream(), planes_in(tensor, picture.desc), to);
            EXPECT_EQ(samples(to), samples(picture)) << describe(to.desc);
            EXPECT_TRUE(untouched_outside(to)) << describe(to.desc);
        }
    });
}

TEST(Repack, ValuesAboveTheDepthBecomeItsLargest) {
    for (const int depth : {10, 12}) {
        core::PictureDesc desc = yuv_desc(4, 2, depth, {1, 1});
        const device::Tensor tensor = make_tensor(core::planes_desc(desc));
        const std::vector<int> values{0, 1, 1023, 1024, 4095, 4096, 32768, 65535, 1022, 2000, 5000, 4094};
        for (std::size_t i = 0; i < values.size(); ++i)
            tensor.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(values[i]);
        std::vector<int> expected = values;
        for (int& value : expected) value = std::min(value, (1 << depth) - 1);
        for (const core::Alignment alignment : {core::Alignment::low, core::Alignment::high}) {
            desc.format.alignment = alignment;
            const device::Picture to = make_picture(desc);
            repack(device::host_stream(), planes_in(tensor, desc), to);
            EXPECT_EQ(samples(to), expected) << depth;
        }
    }
}

// What a thread of the kernel does, on the host.
TEST(Repack, TheKernelsArithmeticIsTheHosts) {
    for_every_format([](const device::Picture& picture) {
        for (const device::Picture& from : layouts_of(picture)) {
            for (const device::Picture& layout : layouts_of(picture)) {
                const device::Picture to = make_picture(layout.desc, 2);
                const RepackArgs args{view_of(from), view_of(to), 3, picture.desc.format.depth};
                for (int c = 0; c < 3; ++c) {
                    for (int y = 0; y < both::component_height(args.from, c); ++y) {
                        for (int x = 0; x < both::component_width(args.from, c); ++x) {
                            args.depth == 8 ? both::repack_sample<std::uint8_t>(args, c, x, y)
                                            : both::repack_sample<std::uint16_t>(args, c, x, y);
                        }
                    }
                }
                EXPECT_EQ(samples(to), samples(picture)) << describe(from.desc) << " to " << describe(to.desc);
                EXPECT_TRUE(untouched_outside(to)) << describe(to.desc);
            }
        }
    });
}

}  // namespace
}  // namespace millrace::ops::test
