// Where pictures go in tensors of another size, and the area filter, which zimg lacks.

#include <gtest/gtest.h>

#include <cstring>

#include "ops/support.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

device::Tensor convert(const device::Picture& picture, const ResizeSpec& resize, const TensorSpec& spec = {}) {
    const ToTensor op(picture.desc, spec, resize);
    device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    return tensor;
}

device::Picture gray_picture(int width, int height) {
    core::PictureDesc desc = yuv_desc(width, height, 8, {0, 0});
    desc.format.family = core::ColorFamily::gray;
    desc.color.range = core::Range::full;
    return make_picture(desc);
}

device::Picture white_picture(int width, int height) {
    device::Picture picture = gray_picture(width, height);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) set_sample(picture, 0, x, y, 255);
    }
    return picture;
}

struct Rectangle {
    int left;
    int top;
    int width;
    int height;
};

struct LetterboxCase {
    std::array<int, 2> from;
    std::array<int, 2> to;
    Rectangle picture;  // by hand
};

TEST(Resize, LetterboxCentresThePictureBetweenBlackBars) {
    constexpr std::array cases{
        LetterboxCase{{192, 108}, {64, 64}, {0, 14, 64, 36}}, LetterboxCase{{108, 192}, {64, 64}, {14, 0, 36, 64}},
        LetterboxCase{{3, 5}, {10, 7}, {3, 0, 4, 7}},         LetterboxCase{{5, 3}, {7, 10}, {0, 3, 7, 4}},
        LetterboxCase{{1, 1}, {4, 3}, {0, 0, 3, 3}},          LetterboxCase{{200, 1}, {20, 20}, {0, 9, 20, 1}},
        LetterboxCase{{64, 48}, {128, 96}, {0, 0, 128, 96}},
    };
    for (const LetterboxCase& c : cases) {
        for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::area}) {
            TensorSpec spec;
            spec.mean = {0.5F, 0.25F, 0.75F};
            spec.std = {0.5F, 1.0F, 2.0F};
            const device::Tensor tensor =
                convert(white_picture(c.from[0], c.from[1]), {c.to[0], c.to[1], Fit::letterbox, filter}, spec);
            for (int y = 0; y < c.to[1]; ++y) {
                for (int x = 0; x < c.to[0]; ++x) {
                    const Rectangle& r = c.picture;
                    const bool inside = x >= r.left && x < r.left + r.width && y >= r.top && y < r.top + r.height;
                    const float color = inside ? 1.0F : 0.0F;
                    ASSERT_NEAR(element(tensor, Layout::nchw, 0, x, y), (color - 0.5F) / 0.5F, 2e-6)
                        << c.from[0] << "x" << c.from[1] << " at " << x << "," << y;
                    ASSERT_NEAR(element(tensor, Layout::nchw, 1, x, y), color - 0.25F, 2e-6);
                    ASSERT_NEAR(element(tensor, Layout::nchw, 2, x, y), (color - 0.75F) / 2.0F, 2e-6);
                }
            }
        }
    }
}

TEST(Resize, LetterboxIsStretchInsideAndBlackIsNeutralInYuv) {
    std::mt19937 random(41);
    const device::Picture picture = make_picture(yuv_desc(50, 20, 8, {1, 1}));
    fill_random(picture, random);
    TensorSpec spec;
    spec.channels = Channels::yuv;
    const device::Tensor boxed = convert(picture, {30, 30, Fit::letterbox, Filter::bicubic}, spec);
    const device::Tensor stretched = convert(picture, {30, 12, Fit::stretch, Filter::bicubic}, spec);
    for (int c = 0; c < 3; ++c) {
        for (int x = 0; x < 30; ++x) {
            for (int y = 0; y < 12; ++y) {
                ASSERT_EQ(element(boxed, Layout::nchw, c, x, y + 9), element(stretched, Layout::nchw, c, x, y));
            }
            EXPECT_EQ(element(boxed, Layout::nchw, c, x, 0), c == 0 ? 0.0F : 0.5F);
            EXPECT_EQ(element(boxed, Layout::nchw, c, x, 29), c == 0 ? 0.0F : 0.5F);
        }
    }
}

TEST(Resize, CropKeepsTheMiddle) {
    // Columns hold their number; a crop to the height keeps columns 14..49 of 64 exactly.
    const device::Picture picture = gray_picture(64, 36);
    for (int y = 0; y < 36; ++y) {
        for (int x = 0; x < 64; ++x) set_sample(picture, 0, x, y, x);
    }
    for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::area}) {
        const device::Tensor tensor = convert(picture, {36, 36, Fit::crop, filter});
        for (int y = 0; y < 36; ++y) {
            for (int x = 0; x < 36; ++x) {
                ASSERT_NEAR(element(tensor, Layout::nchw, 0, x, y) * 255.0F, static_cast<float>(x + 14), 1e-4F);
            }
        }
    }
}

TEST(Resize, PadRepeatsTheEdges) {
    std::mt19937 random(42);
    const device::Picture picture = make_picture(yuv_desc(13, 7, 10, {1, 1}));
    fill_random(picture, random);
    const ToTensor plain(picture.desc, {});
    const device::Tensor expected = make_tensor(plain.output());
    plain.run(device::host_stream(), picture, expected);
    for (const ResizeSpec& size :
         {ResizeSpec{16, 8, Fit::pad}, ResizeSpec{13, 7, Fit::pad}, ResizeSpec{40, 7, Fit::pad}}) {
        const device::Tensor tensor = convert(picture, size);
        for (int c = 0; c < 3; ++c) {
            for (int y = 0; y < size.height; ++y) {
                for (int x = 0; x < size.width; ++x) {
                    ASSERT_EQ(element(tensor, Layout::nchw, c, x, y),
                              element(expected, Layout::nchw, c, std::min(x, 12), std::min(y, 6)));
                }
            }
        }
    }
}

TEST(Resize, ToTheSameSizeIsNoResize) {
    std::mt19937 random(43);
    const device::Picture picture = make_picture(yuv_desc(31, 17, 8, {1, 1}));
    fill_random(picture, random);
    const ToTensor plain(picture.desc, {});
    const device::Tensor expected = make_tensor(plain.output());
    plain.run(device::host_stream(), picture, expected);
    for (const Fit fit : {Fit::stretch, Fit::letterbox, Fit::crop, Fit::pad}) {
        const device::Tensor tensor = convert(picture, {31, 17, fit, Filter::bicubic});
        EXPECT_EQ(std::memcmp(tensor.data, expected.data, expected.desc.byte_count()), 0);
    }
}

/// The mean over the area of the source that output (x, y) covers: the source repeated to a common multiple of both
/// sizes.
double area_mean(const device::Picture& picture, std::array<int, 2> to, int x, int y) {
    const int w = picture.desc.width;
    const int h = picture.desc.height;
    double sum = 0;
    for (int j = 0; j < h; ++j) {
        for (int i = 0; i < w; ++i) sum += sample(picture, 0, (x * w + i) / to[0], (y * h + j) / to[1]);
    }
    return sum / (w * h) / 255.0;
}

TEST(Resize, AreaIsTheMeanOfWhatAnOutputCovers) {
    std::mt19937 random(44);
    const device::Picture picture = gray_picture(24, 14);
    fill_random(picture, random);
    for (const std::array<int, 2> to : {std::array{12, 7}, {5, 3}, {24, 4}, {7, 20}, {37, 29}, {1, 1}}) {
        const device::Tensor tensor = convert(picture, {to[0], to[1], Fit::stretch, Filter::area});
        for (int y = 0; y < to[1]; ++y) {
            for (int x = 0; x < to[0]; ++x) {
                ASSERT_NEAR(element(tensor, Layout::nchw, 2, x, y), area_mean(picture, to, x, y), 1e-6)
                    << to[0] << "x" << to[1] << " at " << x << "," << y;
            }
        }
    }
}

}  // namespace
}  // namespace millrace::ops::test
