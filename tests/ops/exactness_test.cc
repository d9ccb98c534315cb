// The same bytes at every SIMD level, and equal to ops/formula.h applied one pixel at a time.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "hwy/highway.h"
#include "ops/formula.h"
#include "ops/resample.h"
#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

/// Of (x, y) in rows of `width`.
std::size_t index(int width, int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
}

/// Runs `f` at every SIMD level of this machine; restores all of them.
template <class F>
void at_every_level(F f) {
    const std::vector<std::int64_t> levels = hwy::SupportedAndGeneratedTargets();
    ASSERT_GE(levels.size(), 2U) << "nothing to compare on this machine";
    for (const std::int64_t level : levels) {
        hwy::SetSupportedTargetsForTest(level);
        f(std::string(hwy::TargetName(level)));
        if (::testing::Test::HasFatalFailure()) break;
    }
    hwy::SetSupportedTargetsForTest(0);
}

struct Restore {
    Restore() = default;
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;
    ~Restore() { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<std::byte> bytes_of(const device::Tensor& tensor) {
    return {tensor.data, tensor.data + tensor.desc.byte_count()};
}

/// Bit patterns of every kind: normal, tiny, subnormal, infinite, NaN.
void fill_wild(const device::Tensor& tensor, std::mt19937& random) {
    for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) {
        const auto draw = static_cast<std::uint32_t>(random());
        if (tensor.desc.dtype == core::DType::float16) {
            const auto color = half_of_float(static_cast<float>(random()) * 0x1p-32F * 1.2F - 0.1F);
            tensor.as<std::uint16_t>()[i] = draw % 8 == 0 ? static_cast<std::uint16_t>(random()) : color;
        } else {
            const float color = static_cast<float>(random()) * 0x1p-32F * 1.2F - 0.1F;
            tensor.as<float>()[i] = draw % 8 == 0 ? std::bit_cast<float>(static_cast<std::uint32_t>(random())) : color;
        }
    }
}

struct Fused {
    int differing = 0;
    int all = 0;
};

/// ToTensor without resize, one pixel at a time by ops/formula.h, of YUV to R, G, B in float32 NCHW.
std::vector<float> by_formula(const device::Picture& picture, const TensorSpec& spec, Fused& fused) {
    const core::PictureDesc& desc = picture.desc;
    const FromYuv m = from_yuv(desc.color.matrix, desc.format.depth, desc.color.range);
    const Affine map = element_from_color(spec);
    const auto plane = index(desc.width, 0, desc.height);
    std::vector<float> out(3 * plane);
    for (int y = 0; y < desc.height; ++y) {
        for (int x = 0; x < desc.width; ++x) {
            const Triple yuv{static_cast<float>(sample(picture, 0, x, y)),
                             static_cast<float>(oracle::chroma_at(picture, 1, x, y)),
                             static_cast<float>(oracle::chroma_at(picture, 2, x, y))};
            const Triple rgb = rgb_of_yuv(m, yuv);
            const auto at = index(desc.width, x, y);
            out[at] = apply(map, 0, rgb.a);
            out[plane + at] = apply(map, 1, rgb.b);
            out[2 * plane + at] = apply(map, 2, rgb.c);
            const float luma = (yuv.a - m.luma_offset) * m.y;
            const float r = std::fma(yuv.c - m.chroma_offset, m.r_cr, luma);
            fused.differing += std::fma(r, map.scale[0], map.bias[0]) != out[at] ? 1 : 0;
            ++fused.all;
        }
    }
    return out;
}

TEST(Exactness, ToTensorIsTheFormulaAtEveryLevel) {
    const Restore restore;
    std::mt19937 random(11);
    TensorSpec spec;
    spec.mean = {0.485F, 0.456F, 0.406F};
    spec.std = {0.229F, 0.224F, 0.225F};
    for (const int depth : depths) {
        for (const Subsampling sub : subsamplings) {
            for (const core::ChromaSiting siting : sitings) {
                core::PictureDesc desc = yuv_desc(157, 23, depth, sub);
                desc.color.siting = siting;
                const device::Picture picture = make_picture(desc, 14);
                fill_random(picture, random);
                const ToTensor op(desc, spec);
                Fused fused;
                const std::vector<float> expected = by_formula(picture, spec, fused);
                EXPECT_GT(fused.differing, fused.all / 20) << "these inputs cannot tell fused arithmetic from ours";
                at_every_level([&](const std::string& level) {
                    const device::Tensor tensor = make_tensor(op.output());
                    op.run(device::host_stream(), picture, tensor);
                    ASSERT_EQ(std::memcmp(tensor.data, expected.data(), tensor.desc.byte_count()), 0)
                        << level << ", " << describe(desc);
                });
                if (HasFatalFailure()) return;
            }
        }
    }
}

TEST(Exactness, EverySpecAndResizeGivesTheSameBytesAtEveryLevel) {
    const Restore restore;
    std::mt19937 random(12);
    std::vector<std::optional<ResizeSpec>> resizes{std::nullopt};
    for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::area}) {
        resizes.emplace_back(ResizeSpec{41, 67, Fit::stretch, filter});
        resizes.emplace_back(ResizeSpec{150, 90, Fit::letterbox, filter});
        resizes.emplace_back(ResizeSpec{19, 40, Fit::crop, filter});
    }
    resizes.emplace_back(ResizeSpec{96, 64, Fit::pad});
    for (const core::DType dtype : {core::DType::float32, core::DType::float16}) {
        for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
            for (const Channels channels : {Channels::rgb, Channels::bgr, Channels::luma, Channels::yuv}) {
                for (const std::optional<ResizeSpec>& resize : resizes) {
                    core::PictureDesc desc = yuv_desc(83, 45, 10, {1, 1});
                    desc.format.packing = core::Packing::semi_planar;
                    desc.format.alignment = core::Alignment::high;
                    const device::Picture picture = make_picture(desc, 2);
                    fill_random(picture, random);
                    TensorSpec spec{dtype, layout, channels, 255.0F, {123.7F, 116.3F, 103.5F}, {58.4F, 57.1F, 57.4F}};
                    const ToTensor op(desc, spec, resize);
                    std::vector<std::byte> first;
                    at_every_level([&](const std::string& level) {
                        const device::Tensor tensor = make_tensor(op.output());
                        op.run(device::host_stream(), picture, tensor);
                        if (first.empty()) first = bytes_of(tensor);
                        ASSERT_EQ(bytes_of(tensor), first) << level;
                    });
                    if (HasFatalFailure()) return;
                }
            }
        }
    }
}

TEST(Exactness, ResizeIsTheWeightsInOrder) {
    const Restore restore;
    std::mt19937 random(13);
    core::PictureDesc desc = yuv_desc(61, 33, 8, {0, 0});
    desc.format.family = core::ColorFamily::gray;
    const device::Picture picture = make_picture(desc);
    fill_random(picture, random);
    TensorSpec spec;
    spec.channels = Channels::luma;
    const CodeScale codes = code_scale(8, core::Range::limited);
    for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::area}) {
        const ResizeSpec resize{20, 50, Fit::stretch, filter};
        const Placement placement = place(desc.width, desc.height, resize);
        const AxisWeights wx = make_weights(filter, placement.x);
        const AxisWeights wy = make_weights(filter, placement.y);
        const auto across = [&](std::size_t x, int y) {
            float sum = 0;
            for (int k = 0; k < wx.taps; ++k) {
                const auto code = static_cast<float>(sample(picture, 0, wx.first[x] + k, y));
                const float term =
                    number_of_luma(codes, code) * wx.weights[static_cast<std::size_t>(k) * wx.stride + x];
                sum = k == 0 ? term : sum + term;
            }
            return sum;
        };
        std::vector<float> expected;
        for (std::size_t y = 0; y < 50; ++y) {
            for (std::size_t x = 0; x < 20; ++x) {
                float sum = 0;
                for (int k = 0; k < wy.taps; ++k) {
                    const float term =
                        across(x, wy.first[y] + k) * wy.weights[static_cast<std::size_t>(k) * wy.stride + y];
                    sum = k == 0 ? term : sum + term;
                }
                expected.push_back(sum * 1.0F + 0.0F);
            }
        }
        const ToTensor op(desc, spec, resize);
        at_every_level([&](const std::string& level) {
            const device::Tensor tensor = make_tensor(op.output());
            op.run(device::host_stream(), picture, tensor);
            ASSERT_EQ(std::memcmp(tensor.data, expected.data(), tensor.desc.byte_count()), 0) << level;
        });
        if (HasFatalFailure()) return;
    }
}

/// One chroma code or luma code of ToPicture by ops/formula.h.
class PictureByFormula {
  public:
    PictureByFormula(const core::PictureDesc& desc, const TensorSpec& spec, const device::Tensor& tensor)
        : desc_(desc), codes_(code_scale(desc.format.depth, desc.color.range)) {
        const Affine map = color_from_element(spec);
        const ToYuv m = to_yuv(desc.color.matrix);
        for (int y = 0; y < desc.height; ++y) {
            for (int x = 0; x < desc.width; ++x) {
                const Triple rgb{color_of_element(map, 0, element(tensor, spec.layout, 0, x, y)),
                                 color_of_element(map, 1, element(tensor, spec.layout, 1, x, y)),
                                 color_of_element(map, 2, element(tensor, spec.layout, 2, x, y))};
                yuv_.push_back(yuv_of_rgb(m, rgb));
            }
        }
    }

    [[nodiscard]] int code(int component, int x, int y) const {
        if (component == 0) return quantise(at(0, x, y), codes_.luma_span, codes_.luma_offset);
        return quantise(down(component, x, y), codes_.chroma_span, codes_.chroma_offset);
    }

  private:
    [[nodiscard]] int quantise(float number, float span, float offset) const {
        return static_cast<int>(code_of(number, span, offset, codes_.maximum));
    }
    [[nodiscard]] float at(int component, int x, int y) const {
        const int cx = std::clamp(x, 0, desc_.width - 1);
        const int cy = std::clamp(y, 0, desc_.height - 1);
        const Triple& yuv = yuv_.at(index(desc_.width, cx, cy));
        return component == 0 ? yuv.a : component == 1 ? yuv.b : yuv.c;
    }
    [[nodiscard]] float across(int component, int x, int y) const {
        if (desc_.format.log2_chroma_w == 0) return at(component, x, y);
        if (horizontal_site(desc_.color.siting) == Site::first) {
            return down_cosited(at(component, 2 * x - 1, y), at(component, 2 * x, y), at(component, 2 * x + 1, y));
        }
        return down_midway({at(component, 2 * x - 1, y), at(component, 2 * x, y), at(component, 2 * x + 1, y),
                            at(component, 2 * x + 2, y)});
    }
    [[nodiscard]] float down(int component, int x, int y) const {
        if (desc_.format.log2_chroma_h == 0) return across(component, x, y);
        const Site site = vertical_site(desc_.color.siting);
        const int first = site == Site::second ? 2 * y : 2 * y - 1;
        const auto row = [&](int k) { return across(component, x, first + k); };
        return site == Site::midway ? down_midway({row(0), row(1), row(2), row(3)})
                                    : down_cosited(row(0), row(1), row(2));
    }

    core::PictureDesc desc_;
    CodeScale codes_;
    std::vector<Triple> yuv_;
};

TEST(Exactness, ToPictureIsTheFormulaAtEveryLevel) {
    const Restore restore;
    std::mt19937 random(14);
    for (const core::DType dtype : {core::DType::float32, core::DType::float16}) {
        for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
            for (const int depth : depths) {
                for (const Subsampling sub : subsamplings) {
                    for (const core::ChromaSiting siting : sitings) {
                        core::PictureDesc desc = yuv_desc(77, 11, depth, sub);
                        desc.color.siting = siting;
                        desc.format.packing = depth == 10 ? core::Packing::semi_planar : core::Packing::planar;
                        desc.format.alignment = depth == 10 ? core::Alignment::high : core::Alignment::low;
                        TensorSpec spec;
                        spec.dtype = dtype;
                        spec.layout = layout;
                        spec.mean = {0.4F, 0.5F, 0.3F};
                        spec.std = {0.7F, 0.9F, 1.1F};
                        const core::TensorDesc shape{dtype, layout == Layout::nchw
                                                                ? std::vector<std::int64_t>{3, 11, 77}
                                                                : std::vector<std::int64_t>{11, 77, 3}};
                        const device::Tensor tensor = make_tensor(shape);
                        fill_wild(tensor, random);
                        const PictureByFormula formula(desc, spec, tensor);
                        const ToPicture op(spec, desc.width, desc.height, desc);
                        at_every_level([&](const std::string& level) {
                            const device::Picture picture = make_picture(desc, 6);
                            op.run(device::host_stream(), tensor, nullptr, picture);
                            for (int c = 0; c < 3; ++c) {
                                for (int y = 0; y < component_height(desc, c); ++y) {
                                    for (int x = 0; x < component_width(desc, c); ++x) {
                                        ASSERT_EQ(sample(picture, c, x, y), formula.code(c, x, y))
                                            << level << ", " << describe(desc) << " component " << c << " at " << x
                                            << "," << y;
                                    }
                                }
                            }
                        });
                        if (HasFatalFailure()) return;
                    }
                }
            }
        }
    }
}

TEST(Exactness, EveryFloat16PatternIsReadAndWrittenTheSameAtEveryLevel) {
    const Restore restore;
    // Written: a float16 luma tensor out of float32 colour cannot be reached directly, so through white and mean: one
    // picture of all 8-bit codes at many scales, some of which land among the subnormals.
    core::PictureDesc desc = yuv_desc(256, 1, 8, {0, 0});
    desc.format.family = core::ColorFamily::gray;
    desc.color.range = core::Range::full;
    const device::Picture picture = make_picture(desc);
    for (int x = 0; x < 256; ++x) set_sample(picture, 0, x, 0, x);
    const CodeScale codes = code_scale(8, core::Range::full);
    for (int exponent = -26; exponent <= 17; ++exponent) {
        TensorSpec spec;
        spec.dtype = core::DType::float16;
        spec.channels = Channels::luma;
        spec.white = std::ldexp(1.37F, exponent);
        const Affine map = element_from_color(spec);
        const ToTensor op(desc, spec);
        at_every_level([&](const std::string& level) {
            const device::Tensor tensor = make_tensor(op.output());
            op.run(device::host_stream(), picture, tensor);
            for (int x = 0; x < 256; ++x) {
                const float value = apply(map, 0, number_of_luma(codes, static_cast<float>(x)));
                ASSERT_EQ(tensor.as<std::uint16_t>()[x], half_of_float(value)) << level << " " << value;
            }
        });
        if (HasFatalFailure()) return;
    }
}

// The formula's own float16, against the definition of the format.
TEST(Exactness, FormulaRoundsFloat16ToNearestEven) {
    for (int bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        if ((bits & 0x7C00) == 0x7C00) continue;
        const float value = float_of_half(half);
        const double magnitude =
            std::ldexp((bits & 0x7C00) != 0 ? 1024 + (bits & 1023) : bits & 1023, std::max((bits >> 10) & 31, 1) - 25);
        ASSERT_EQ(static_cast<double>(value), (bits & 0x8000) != 0 ? -magnitude : magnitude);
        ASSERT_EQ(half_of_float(value), half);
        // Half way to the next one up: to the even of the two. Just below and above: to the nearer.
        if ((bits & 0x7FFF) == 0x7BFF) continue;
        const float middle = (value + float_of_half(static_cast<std::uint16_t>(bits + 1))) / 2;
        ASSERT_EQ(half_of_float(middle), static_cast<std::uint16_t>(bits + (bits & 1)));
        ASSERT_EQ(half_of_float(std::nextafter(middle, 0.0F)), half);
        ASSERT_EQ(half_of_float(std::nextafter(middle, 2 * middle)), static_cast<std::uint16_t>(bits + 1));
    }
    EXPECT_EQ(half_of_float(65519.99F), 0x7BFF);
    EXPECT_EQ(half_of_float(65520.0F), 0x7C00);
    EXPECT_EQ(half_of_float(-INFINITY), 0xFC00);
    EXPECT_EQ(half_of_float(NAN) & 0x7E00, 0x7E00);
}

}  // namespace
}  // namespace millrace::ops::test
