// Both directions and resize against zimg.

#include "ops/zimg.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

const std::array<std::array<int, 2>, 1> even_size{{{38, 22}}};

FloatImage image_of(const device::Tensor& tensor) {
    FloatImage image{static_cast<int>(tensor.desc.shape[2]), static_cast<int>(tensor.desc.shape[1]), {}};
    const std::size_t n = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    for (std::size_t c = 0; c < 3; ++c) {
        image.planes.emplace_back(tensor.as<float>() + c * n, tensor.as<float>() + (c + 1) * n);
    }
    return image;
}

device::Tensor tensor_of(const device::Picture& picture, std::optional<ResizeSpec> resize = std::nullopt) {
    const ToTensor op(picture.desc, {}, resize);
    device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    return tensor;
}

double largest_difference(const FloatImage& a, const FloatImage& b) {
    double worst = 0;
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t i = 0; i < a.planes[c].size(); ++i) {
            worst =
                std::max(worst, std::abs(static_cast<double>(a.planes[c][i]) - static_cast<double>(b.planes[c].at(i))));
        }
    }
    return worst;
}

TEST(ToTensor, IsWithinOneLsbOfZimg) {
    std::mt19937 random(3);
    double worst = 0;
    for_every_yuv(even_size, [&](const core::PictureDesc& desc) {
        const device::Picture picture = make_picture(desc);
        fill_random(picture, random);
        const double lsb = 1.0 / ((1 << desc.format.depth) - 1);
        const double difference = largest_difference(image_of(tensor_of(picture)), zimg_rgb(picture)) / lsb;
        worst = std::max(worst, difference);
        ASSERT_LE(difference, 1.0) << describe(desc);
    });
    RecordProperty("worst_lsb", std::to_string(worst));
    std::printf("largest difference from zimg: %.4f LSB\n", worst);
}

TEST(ToPicture, IsWithinOneLsbOfZimg) {
    std::mt19937 random(4);
    std::uniform_real_distribution<float> color(-0.4F, 1.4F);  // clips on both sides
    std::int64_t all = 0;
    std::int64_t equal = 0;
    for_every_yuv(even_size, [&](const core::PictureDesc& desc) {
        const ToPicture op({}, desc.width, desc.height, desc);
        const device::Tensor tensor = make_tensor({core::DType::float32, {3, desc.height, desc.width}});
        for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) tensor.as<float>()[i] = color(random);
        const device::Picture picture = make_picture(desc);
        op.run(device::host_stream(), tensor, nullptr, picture);
        const std::vector<int> ours = samples(picture);
        const std::vector<int> theirs = samples(zimg_yuv(image_of(tensor), desc));
        for (std::size_t i = 0; i < ours.size(); ++i) {
            ASSERT_LE(std::abs(ours[i] - theirs[i]), 1) << describe(desc) << " sample " << i;
            equal += ours[i] == theirs[i] ? 1 : 0;
        }
        all += static_cast<std::int64_t>(ours.size());
        if (desc.color.range == core::Range::limited) {
            // Clipped to what the depth can hold, as zimg does, not to the nominal range.
            const int maximum = (1 << desc.format.depth) - 1;
            ASSERT_EQ(*std::ranges::max_element(ours), maximum) << describe(desc);
            ASSERT_EQ(*std::ranges::min_element(ours), 0) << describe(desc);
        }
    });
    std::printf("%.4f %% of samples equal zimg's\n", 100.0 * static_cast<double>(equal) / static_cast<double>(all));
    EXPECT_GT(equal, all - all / 1000);
}

struct ResizeCase {
    std::array<int, 2> from;
    std::array<int, 2> to;
};

constexpr std::array resize_cases{
    ResizeCase{{64, 48}, {32, 24}}, ResizeCase{{64, 48}, {128, 96}}, ResizeCase{{64, 48}, {50, 61}},
    ResizeCase{{61, 47}, {7, 5}},   ResizeCase{{33, 9}, {100, 3}},   ResizeCase{{16, 16}, {16, 37}},
    ResizeCase{{200, 4}, {17, 4}},  ResizeCase{{6, 6}, {1, 1}},
};

TEST(Resize, StretchIsZimgs) {
    std::mt19937 random(5);
    double worst = 0;
    for (const Filter filter : {Filter::bilinear, Filter::bicubic}) {
        for (const ResizeCase& c : resize_cases) {
            const device::Picture picture = make_picture(yuv_desc(c.from[0], c.from[1], 12, {0, 0}));
            fill_random(picture, random);
            const FloatImage ours = image_of(tensor_of(picture, ResizeSpec{c.to[0], c.to[1], Fit::stretch, filter}));
            const Window whole{0, 0, static_cast<double>(c.from[0]), static_cast<double>(c.from[1])};
            const double difference =
                largest_difference(ours, zimg_resize(image_of(tensor_of(picture)), whole, c.to, filter));
            worst = std::max(worst, difference);
            ASSERT_LT(difference, 2e-5) << c.from[0] << "x" << c.from[1] << " to " << c.to[0] << "x" << c.to[1];
        }
    }
    std::printf("largest difference from zimg: %.2g of white\n", worst);
}

TEST(Resize, CropIsZimgsOfTheCentredWindow) {
    std::mt19937 random(6);
    for (const Filter filter : {Filter::bilinear, Filter::bicubic}) {
        for (const ResizeCase& c : {ResizeCase{{64, 48}, {20, 20}}, ResizeCase{{64, 48}, {30, 100}},
                                    ResizeCase{{48, 64}, {33, 21}}, ResizeCase{{51, 37}, {16, 9}}}) {
            const device::Picture picture = make_picture(yuv_desc(c.from[0], c.from[1], 12, {0, 0}));
            fill_random(picture, random);
            const FloatImage ours = image_of(tensor_of(picture, ResizeSpec{c.to[0], c.to[1], Fit::crop, filter}));
            const double w = c.from[0];
            const double h = c.from[1];
            const double aspect = static_cast<double>(c.to[0]) / c.to[1];
            const Window window = w / h > aspect ? Window{(w - h * aspect) / 2, 0, h * aspect, h}
                                                 : Window{0, (h - w / aspect) / 2, w, w / aspect};
            const FloatImage theirs = zimg_resize(image_of(tensor_of(picture)), window, c.to, filter);
            ASSERT_LT(largest_difference(ours, theirs), 2e-5)
                << c.from[0] << "x" << c.from[1] << " to " << c.to[0] << "x" << c.to[1];
        }
    }
}

TEST(ToPicture, ChromaOfALumaModelIsZimgsBicubic) {
    std::mt19937 random(7);
    std::int64_t all = 0;
    std::int64_t equal = 0;
    for (const Subsampling from_sub : subsamplings) {
        for (const Subsampling to_sub : subsamplings) {
            for (const core::ChromaSiting from : sitings) {
                for (const core::ChromaSiting to : {core::ChromaSiting::left, core::ChromaSiting::center, from}) {
                    for (const std::array<int, 2> size : {std::array{76, 44}, {38, 22}, {40, 30}, {20, 10}}) {
                        core::PictureDesc in = yuv_desc(38, 22, 10, from_sub);
                        core::PictureDesc out = yuv_desc(size[0], size[1], 10, to_sub);
                        in.color.siting = from;
                        out.color.siting = to;
                        out.color.range = core::Range::full;
                        const device::Picture source = make_picture(in, 4);
                        fill_smooth(source, random);
                        TensorSpec spec;
                        spec.channels = Channels::luma;
                        const device::Tensor tensor = make_tensor({core::DType::float32, {1, out.height, out.width}});
                        std::fill_n(tensor.as<float>(), tensor.desc.element_count(), 0.5F);
                        const device::Picture ours = make_picture(out);
                        ToPicture(spec, out.width, out.height, out).run(device::host_stream(), tensor, &source, ours);
                        const device::Picture theirs = zimg_scale(source, out);
                        for (int c = 1; c <= 2; ++c) {
                            for (int y = 0; y < component_height(out, c); ++y) {
                                for (int x = 0; x < component_width(out, c); ++x) {
                                    const int difference = sample(ours, c, x, y) - sample(theirs, c, x, y);
                                    ASSERT_LE(std::abs(difference), 1)
                                        << describe(in) << " to " << describe(out) << " at " << x << "," << y;
                                    ++all;
                                    equal += difference == 0 ? 1 : 0;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    std::printf("%.3f %% of samples equal zimg's\n", 100.0 * static_cast<double>(equal) / static_cast<double>(all));
}

}  // namespace
}  // namespace millrace::ops::test
