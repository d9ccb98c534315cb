// Tensor elements that are no numbers: NaN and infinity.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/conversions.h"
#include "ops/support.h"
#include "ops/to_picture.h"

namespace millrace::ops::test {
namespace {

TEST(Nan, BecomesZeroAndIsCountedAndInfinityIsClipped) {
    for (const core::DType dtype : {core::DType::float32, core::DType::float16}) {
        for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
            TensorSpec spec;
            spec.dtype = dtype;
            spec.layout = layout;
            core::PictureDesc desc = family_desc(core::ColorFamily::rgb, 8, 19, 2);
            desc.color.range = core::Range::full;
            const device::Tensor tensor =
                make_tensor({dtype, layout == Layout::nchw ? std::vector<std::int64_t>{3, 2, 19}
                                                           : std::vector<std::int64_t>{2, 19, 3}});
            const std::array<float, 4> kinds{NAN, INFINITY, -INFINITY, 0.2F};
            const std::array<std::uint16_t, 4> halves{0x7E01, 0x7C00, 0xFC00, 0x3266};
            std::int64_t nan = 0;
            for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) {
                const auto kind = static_cast<std::size_t>(i) % 4;
                nan += kind == 0 ? 1 : 0;
                if (dtype == core::DType::float16) {
                    tensor.as<std::uint16_t>()[i] = halves.at(kind);
                } else {
                    tensor.as<float>()[i] = kinds.at(kind);
                }
            }
            const device::Picture picture = make_picture(desc);
            const ToPicture op(spec, 19, 2, desc);
            EXPECT_EQ(op.run(device::host_stream(), tensor, nullptr, picture).nan_count, nan);
            for (int c = 0; c < 3; ++c) {
                for (int y = 0; y < 2; ++y) {
                    for (int x = 0; x < 19; ++x) {
                        const std::int64_t at = layout == Layout::nchw ? (c * 2 + y) * 19 + x : (y * 19 + x) * 3 + c;
                        const std::array<int, 4> codes{0, 255, 0, 51};
                        ASSERT_EQ(sample(picture, c, x, y), codes.at(static_cast<std::size_t>(at % 4)));
                    }
                }
            }
        }
    }
}

TEST(Nan, InfinitiesOfOppositeSignsDoNotMakeNanInYuv) {
    const core::PictureDesc desc = yuv_desc(2, 1, 8, {0, 0});
    const device::Tensor tensor = make_tensor({core::DType::float32, {3, 1, 2}});
    const std::array<float, 6> values{INFINITY, -INFINITY, -INFINITY, INFINITY, INFINITY, -INFINITY};
    std::ranges::copy(values, tensor.as<float>());
    const device::Picture picture = make_picture(desc);
    EXPECT_EQ(ToPicture({}, 2, 1, desc).run(device::host_stream(), tensor, nullptr, picture).nan_count, 0);
    // R and B up, G down: chroma high, luma low (0.2126 + 0.0722 against 0.7152); and the reverse.
    EXPECT_EQ(samples(picture), (std::vector<int>{0, 255, 255, 0, 255, 0}));
}

}  // namespace
}  // namespace millrace::ops::test
