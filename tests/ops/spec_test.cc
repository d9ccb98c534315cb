// What a TensorSpec says: layout, channels, white, mean, std, element type; families of pictures; what it must not say.

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "ops/conversions.h"
#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"
#include "support/error_of.h"

namespace millrace::ops::test {
namespace {

using millrace::test::message_of;

TEST(Spec, LayoutChannelsWhiteMeanAndStd) {
    std::mt19937 random(23);
    const device::Picture picture = make_picture(yuv_desc(37, 13, 8, {1, 1}), 3);
    fill_random(picture, random);
    const device::Tensor rgb = convert(picture, {});
    for (const core::DType dtype : {core::DType::float32, core::DType::float16}) {
        for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
            for (const Channels channels : {Channels::rgb, Channels::bgr}) {
                for (const float white : {1.0F, 255.0F}) {
                    const TensorSpec spec{dtype,
                                          layout,
                                          channels,
                                          white,
                                          {0.4F * white, 0.5F * white, 0.3F * white},
                                          {0.2F * white, 0.25F * white, 0.3F * white}};
                    const device::Tensor tensor = convert(picture, spec);
                    const std::vector<std::int64_t> shape = layout == Layout::nchw
                                                                ? std::vector<std::int64_t>{3, 13, 37}
                                                                : std::vector<std::int64_t>{13, 37, 3};
                    ASSERT_EQ(tensor.desc.shape, shape);
                    for (int y = 0; y < 13; ++y) {
                        for (int x = 0; x < 37; ++x) {
                            for (int c = 0; c < 3; ++c) {
                                const int from = channels == Channels::bgr ? 2 - c : c;
                                const auto at = static_cast<std::size_t>(c);
                                const double color = element(rgb, Layout::nchw, from, x, y);
                                const double value =
                                    (color * static_cast<double>(white) - static_cast<double>(spec.mean.at(at))) /
                                    static_cast<double>(spec.std.at(at));
                                const double tolerance = dtype == core::DType::float16 ? 0.003 : 3e-6;
                                ASSERT_NEAR(element(tensor, layout, c, x, y), value, tolerance);
                            }
                        }
                    }
                    EXPECT_LE(largest_difference(back(tensor, spec, picture.desc), back(rgb, {}, picture.desc)),
                              dtype == core::DType::float16 ? 1 : 0);
                }
            }
        }
    }
}

TEST(Spec, YuvChannelsApplyNoMatrix) {
    std::mt19937 random(24);
    for (const core::Range range : ranges) {
        core::PictureDesc desc = yuv_desc(31, 8, 10, {0, 0});
        desc.color.matrix = core::Matrix::ictcp;  // not convertible, and need not be
        desc.color.range = range;
        const device::Picture picture = make_picture(desc);
        fill_random(picture, random);
        TensorSpec spec;
        spec.channels = Channels::yuv;
        const device::Tensor tensor = convert(picture, spec);
        const double span = range == core::Range::full ? 1023 : 896;
        EXPECT_NEAR(element(tensor, Layout::nchw, 1, 3, 2), (sample(picture, 1, 3, 2) - 512) / span + 0.5, 1e-6);
        EXPECT_EQ(largest_difference(picture, back(tensor, spec, desc)), 0);
        // 4:2:0: flat chroma comes back through both filters.
        core::PictureDesc small = desc;
        small.format.log2_chroma_w = small.format.log2_chroma_h = 1;
        const device::Picture flat = make_picture(small);
        fill_random(flat, random);
        for (int c = 1; c <= 2; ++c) {
            for (int y = 0; y < component_height(small, c); ++y) {
                for (int x = 0; x < component_width(small, c); ++x) set_sample(flat, c, x, y, 300 * c);
            }
        }
        EXPECT_EQ(largest_difference(flat, back(convert(flat, spec), spec, small)), 0);
    }
}

TEST(Spec, LumaIsTheLumaPlaneAndNeutralChroma) {
    std::mt19937 random(25);
    const device::Picture picture = make_picture(yuv_desc(21, 9, 8, {1, 1}));
    fill_random(picture, random);
    TensorSpec spec;
    spec.channels = Channels::luma;
    const device::Tensor tensor = convert(picture, spec);
    ASSERT_EQ(tensor.desc.shape, (std::vector<std::int64_t>{1, 9, 21}));
    const device::Picture returned = back(tensor, spec, picture.desc);
    for (int y = 0; y < 9; ++y) {
        for (int x = 0; x < 21; ++x) {
            EXPECT_NEAR(element(tensor, Layout::nchw, 0, x, y), (sample(picture, 0, x, y) - 16) / 219.0, 1e-6);
            EXPECT_EQ(sample(returned, 0, x, y), sample(picture, 0, x, y));
        }
    }
    for (int y = 0; y < 5; ++y) {
        for (int x = 0; x < 11; ++x) {
            EXPECT_EQ(sample(returned, 1, x, y), 128);
            EXPECT_EQ(sample(returned, 2, x, y), 128);
        }
    }
}

TEST(Spec, ALumaModelGivesItsChromaBack) {
    std::mt19937 random(26);
    TensorSpec spec;
    spec.channels = Channels::luma;
    for (const Subsampling sub : subsamplings) {
        for (const core::ChromaSiting siting : sitings) {
            core::PictureDesc desc = yuv_desc(23, 11, 8, sub);
            desc.color.siting = siting;
            const device::Picture picture = make_picture(desc);
            fill_random(picture, random);
            const device::Picture returned = make_picture(desc, 1);
            const ToPicture op(spec, 23, 11, desc);
            op.run(device::host_stream(), convert(picture, spec), &picture, returned);
            EXPECT_EQ(samples(returned), samples(picture)) << describe(desc);  // same size: nothing is filtered
        }
    }
}

TEST(Spec, LumaAndChromaMakeRgb) {
    std::mt19937 random(27);
    const device::Picture picture = make_picture(yuv_desc(24, 10, 10, {0, 0}));
    fill_smooth(picture, random);
    core::PictureDesc rgb = family_desc(core::ColorFamily::rgb, 10, 24, 10);
    rgb.color.range = core::Range::full;
    TensorSpec luma;
    luma.channels = Channels::luma;
    const device::Picture borrowed = make_picture(rgb);
    const ToPicture op(luma, 24, 10, rgb);
    op.run(device::host_stream(), convert(picture, luma), &picture, borrowed);
    EXPECT_LE(largest_difference(borrowed, back(convert(picture, {}), {}, rgb)), 1);
    // Without chroma, and with the chroma of a gray picture: gray.
    const device::Picture gray = make_picture(family_desc(core::ColorFamily::gray, 8, 24, 10));
    fill_random(gray, random);
    for (const device::Picture* source : {static_cast<const device::Picture*>(nullptr), &gray}) {
        op.run(device::host_stream(), convert(picture, luma), source, borrowed);
        for (int x = 0; x < 24; ++x) {
            EXPECT_EQ(sample(borrowed, 0, x, 4), sample(borrowed, 1, x, 4));
            EXPECT_EQ(sample(borrowed, 0, x, 4), sample(borrowed, 2, x, 4));
        }
    }
    // Chroma out of an RGB picture, with the matrix of the output.
    const core::PictureDesc yuv = yuv_desc(24, 10, 10, {0, 0});
    const device::Picture made = make_picture(yuv);
    const device::Picture as_rgb = back(convert(picture, {}), {}, rgb);
    ToPicture(luma, 24, 10, yuv).run(device::host_stream(), convert(picture, luma), &as_rgb, made);
    const device::Picture expected = back(convert(as_rgb, {}), {}, yuv);
    for (int x = 0; x < 24; ++x) {
        EXPECT_NEAR(sample(made, 1, x, 5), sample(expected, 1, x, 5), 1);
        EXPECT_NEAR(sample(made, 2, x, 5), sample(expected, 2, x, 5), 1);
    }
}

TEST(Spec, RgbPicturesGiveLumaByTheirMatrix) {
    std::mt19937 random(28);
    core::PictureDesc desc = family_desc(core::ColorFamily::rgb, 8, 19, 7);
    desc.color.range = core::Range::full;
    desc.color.matrix = core::Matrix::bt2020_ncl;
    const device::Picture picture = make_picture(desc);
    fill_random(picture, random);
    TensorSpec spec;
    spec.channels = Channels::luma;
    const device::Tensor luma = convert(picture, spec);
    spec.channels = Channels::yuv;
    const device::Tensor yuv = convert(picture, spec);
    for (int x = 0; x < 19; ++x) {
        const double r = sample(picture, 0, x, 3) / 255.0;
        const double g = sample(picture, 1, x, 3) / 255.0;
        const double b = sample(picture, 2, x, 3) / 255.0;
        const double y = 0.2627 * r + 0.6780 * g + 0.0593 * b;
        EXPECT_NEAR(element(luma, Layout::nchw, 0, x, 3), y, 1e-6);
        EXPECT_NEAR(element(yuv, Layout::nchw, 0, x, 3), y, 1e-6);
        EXPECT_NEAR(element(yuv, Layout::nchw, 1, x, 3), (b - y) / 1.8814 + 0.5, 1e-6);
        EXPECT_NEAR(element(yuv, Layout::nchw, 2, x, 3), (r - y) / 1.4746 + 0.5, 1e-6);
    }
    EXPECT_EQ(largest_difference(picture, back(yuv, spec, desc)), 0);
}

TEST(Spec, GrayIsEqualRgbAndNeutralYuv) {
    std::mt19937 random(29);
    const device::Picture picture = make_picture(family_desc(core::ColorFamily::gray, 12, 18, 3));
    fill_random(picture, random);
    const device::Tensor rgb = convert(picture, {});
    TensorSpec spec;
    spec.channels = Channels::yuv;
    const device::Tensor yuv = convert(picture, spec);
    for (int x = 0; x < 18; ++x) {
        const float luma = element(rgb, Layout::nchw, 0, x, 1);
        EXPECT_NEAR(luma, (sample(picture, 0, x, 1) - 256) / 3504.0, 1e-6);
        EXPECT_EQ(element(rgb, Layout::nchw, 1, x, 1), luma);
        EXPECT_EQ(element(rgb, Layout::nchw, 2, x, 1), luma);
        EXPECT_EQ(element(yuv, Layout::nchw, 0, x, 1), luma);
        EXPECT_EQ(element(yuv, Layout::nchw, 1, x, 1), 0.5F);
        EXPECT_EQ(element(yuv, Layout::nchw, 2, x, 1), 0.5F);
    }
}

TEST(Errors, SayWhatToDo) {
    const core::PictureDesc good = yuv_desc(8, 8, 8, {1, 1});
    core::PictureDesc desc = good;
    desc.color.matrix = core::Matrix::ycgco;
    EXPECT_NE(message_of(core::ErrorCode::bad_input, [&] { ToTensor(desc, {}); }).find("found ycgco"),
              std::string::npos);
    EXPECT_NE(message_of(core::ErrorCode::bad_input, [&] { ToPicture({}, 8, 8, desc); }).find("found ycgco"),
              std::string::npos);
    TensorSpec luma;
    luma.channels = Channels::luma;
    EXPECT_NO_THROW(ToTensor(desc, luma));
    core::PictureDesc rgb = family_desc(core::ColorFamily::rgb, 8, 8, 8);
    EXPECT_NE(message_of(core::ErrorCode::bad_input, [&] { ToTensor(rgb, luma); }).find("identity"), std::string::npos);
    desc = good;
    desc.format.depth = 9;
    EXPECT_NE(message_of(core::ErrorCode::bad_input, [&] { ToTensor(desc, {}); }).find("8, 10 or 12 bits"),
              std::string::npos);
    desc = good;
    desc.format.log2_chroma_w = 2;
    message_of(core::ErrorCode::bad_input, [&] { ToTensor(desc, {}); });
    TensorSpec bad;
    bad.dtype = core::DType::uint8;
    EXPECT_NE(message_of(core::ErrorCode::usage, [&] { ToTensor(good, bad); }).find("uint8"), std::string::npos);
    bad = {};
    bad.std[1] = 0;
    EXPECT_NE(message_of(core::ErrorCode::usage, [&] { ToPicture(bad, 8, 8, good); }).find("std"), std::string::npos);
    EXPECT_NE(
        message_of(core::ErrorCode::usage, [&] { ToTensor(good, {}, ResizeSpec{7, 9, Fit::pad}); }).find("8x8 to 7x9"),
        std::string::npos);
    message_of(core::ErrorCode::usage, [&] { ToTensor(good, {}, ResizeSpec{0, 9}); });
    message_of(core::ErrorCode::usage, [&] { ToPicture({}, 8, 7, good); });
    // Chroma of another matrix.
    core::PictureDesc other = good;
    other.color.matrix = core::Matrix::bt470bg;
    const device::Picture source = make_picture(other);
    const device::Picture out = make_picture(good);
    const device::Tensor tensor = make_tensor({core::DType::float32, {1, 8, 8}});
    EXPECT_NE(message_of(core::ErrorCode::bad_input,
                         [&] { ToPicture(luma, 8, 8, good).run(device::host_stream(), tensor, &source, out); })
                  .find("bt470bg"),
              std::string::npos);
}

}  // namespace
}  // namespace millrace::ops::test
