// What a TensorSpec says: layout, channels, white, mean, std, element type; families of pictures; round trips; NaN.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/error.h"
#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"
#include "support/error_of.h"

namespace millrace::ops::test {
namespace {

using millrace::test::message_of;

device::Tensor convert(const device::Picture& picture, const TensorSpec& spec,
                       std::optional<ResizeSpec> resize = std::nullopt) {
    const ToTensor op(picture.desc, spec, resize);
    device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    return tensor;
}

device::Picture back(const device::Tensor& tensor, const TensorSpec& spec, const core::PictureDesc& desc) {
    device::Picture picture = make_picture(desc);
    ToPicture(spec, desc.width, desc.height, desc).run(device::host_stream(), tensor, nullptr, picture);
    return picture;
}

int largest_difference(const device::Picture& a, const device::Picture& b) {
    const std::vector<int> x = samples(a);
    const std::vector<int> y = samples(b);
    int worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y.at(i)));
    return worst;
}

core::PictureDesc family_desc(core::ColorFamily family, int depth, int width, int height) {
    core::PictureDesc desc = yuv_desc(width, height, depth, {0, 0});
    desc.format.family = family;
    if (family == core::ColorFamily::rgb) desc.color.matrix = core::Matrix::identity;
    return desc;
}

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
