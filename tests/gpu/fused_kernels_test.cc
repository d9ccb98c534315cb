// Kernels of fused nets against their formulas on the host, bit for bit: float32 in the same order, rounded once.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "core/half.h"
#include "gpu/support.h"
#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/depthwise.h"

namespace millrace::infer::fused::cuda {
namespace {

using device::test::gpu;
using device::test::plenty;

constexpr std::uint16_t not_a_number = 0x7E00;

/// A value [N, H, W, stride] on the host. What lies behind its channels is no number: nobody may read it.
struct Held {
    Value shape;
    int batch = 1;
    int stride = 8;
    std::vector<std::uint16_t> bits;

    Held(const Value& value, int frames, int padded)
        : shape(value),
          batch(frames),
          stride(padded),
          bits(static_cast<std::size_t>(frames) * static_cast<std::size_t>(value.height) *
                   static_cast<std::size_t>(value.width) * static_cast<std::size_t>(padded),
               not_a_number) {}

    [[nodiscard]] std::size_t index(int n, int y, int x, int c) const {
        const auto pixel = (static_cast<std::int64_t>(n) * shape.height + y) * shape.width + x;
        return static_cast<std::size_t>(pixel * stride + c);
    }
    [[nodiscard]] float at(int n, int y, int x, int c) const { return core::float_of_half(bits[index(n, y, x, c)]); }
};

template <class F>
void for_each(const Held& held, F f) {
    for (int n = 0; n < held.batch; ++n) {
        for (int y = 0; y < held.shape.height; ++y) {
            for (int x = 0; x < held.shape.width; ++x) {
                for (int c = 0; c < held.shape.channels; ++c) f(n, y, x, c);
            }
        }
    }
}

/// A layer without steps' values: what each element is by its place.
using Formula = std::function<float(int n, int y, int x, int c)>;

class Rig {
  public:
    Held random(const Value& shape, int batch, int stride) {
        Held held(shape, batch, stride);
        std::uniform_real_distribution<float> distribution(-2, 2);
        for_each(held, [&](int n, int y, int x, int c) {
            held.bits[held.index(n, y, x, c)] = core::half_of_float(distribution(random_));
        });
        return held;
    }

    Pixels up(const Held& held) {
        const core::TensorDesc desc{core::DType::float16, {static_cast<std::int64_t>(held.bits.size())}};
        const device::Tensor there = device::lease_tensor(host_, desc);
        std::ranges::copy(held.bits, there.as<std::uint16_t>());
        kept_.push_back(device::copied(stream_, memory_, there));
        device::synchronize(stream_);
        return {kept_.back().data, held.batch, held.shape, held.stride};
    }

    /// What a layer makes of a result of `shape`, which is no number before.
    Held run(const Layer& layer, const std::vector<Pixels>& inputs, const Held& before,
             const std::vector<Operand>& operands = {}, const std::byte* weights = nullptr) {
        Held result = before;
        const Pixels output = up(result);
        const device::Tensor there = kept_.back().share();
        enqueue_elementwise(stream_, {&layer, inputs, output, operands, weights});
        const device::Tensor back = device::copied(stream_, host_, there);
        device::synchronize(stream_);
        std::copy_n(back.as<std::uint16_t>(), result.bits.size(), result.bits.begin());
        return result;
    }

  private:
    device::BufferPool host_{{}, "host", plenty};
    device::BufferPool memory_{gpu, "device", plenty};
    device::Stream stream_{gpu};
    std::mt19937 random_{3};
    std::vector<device::Tensor> kept_;
};

void expect_formula(const Held& found, const Formula& formula) {
    std::size_t off = 0;
    for (int n = 0; n < found.batch; ++n) {
        for (int y = 0; y < found.shape.height; ++y) {
            for (int x = 0; x < found.shape.width; ++x) {
                for (int c = 0; c < found.stride; ++c) {
                    const std::uint16_t expected =
                        c < found.shape.channels ? core::half_of_float(formula(n, y, x, c)) : 0;
                    if (found.bits[found.index(n, y, x, c)] != expected && ++off < 5) {
                        ADD_FAILURE() << "frame " << n << ", row " << y << ", column " << x << ", channel " << c << ": "
                                      << found.at(n, y, x, c) << ", expected " << core::float_of_half(expected);
                    }
                }
            }
        }
    }
    EXPECT_EQ(off, 0U);
}

Layer layer_of(Root root, std::vector<Pointwise> steps = {}) { return {"layer", {0}, 1, std::move(root), steps}; }

Pointwise step(Pointwise::Kind kind, int value = -1) {
    Pointwise made;
    made.kind = kind;
    made.value = value;
    if (value < 0) made.constants = {1};
    return made;
}

TEST(GpuFusedKernels, StepsReadConstantsPixelsAndWholeValues) {
    Rig rig;
    const Value shape{13, 7, 19};
    const Held in = rig.random(shape, 3, 24);  // more padding than the result has
    const Held constants = rig.random({13, 1, 1}, 1, 16);
    const Held pixel = rig.random({13, 1, 1}, 3, 16);
    const Held whole = rig.random(shape, 3, 16);
    Pointwise clip = step(Pointwise::Kind::clip);
    clip.constants.clear();
    clip.low = 0.25F;  // of zeros behind the channels 0.25 would come
    clip.high = 2;
    const Layer layer = layer_of(Identity(), {step(Pointwise::Kind::add), step(Pointwise::Kind::multiply, 2),
                                              step(Pointwise::Kind::add, 3), step(Pointwise::Kind::prelu), clip});
    const Pixels c = rig.up(constants);
    const Held found = rig.run(
        layer, {rig.up(in)}, Held(shape, 3, 16),
        {{c.data, false, false}, {rig.up(pixel).data, false, true}, {rig.up(whole).data, true, true}, {c.data}});
    expect_formula(found, [&](int n, int y, int x, int k) {
        const float a = (in.at(n, y, x, k) + constants.at(0, 0, 0, k)) * pixel.at(n, 0, 0, k);
        const float b = a + whole.at(n, y, x, k);
        const float v = b < 0 ? b * constants.at(0, 0, 0, k) : b;
        return std::fmin(std::fmax(v, 0.25F), 2.0F);
    });
}

TEST(GpuFusedKernels, StepsBehindAConvolutionChangeItInPlace) {
    Rig rig;
    const Value shape{8, 5, 33};
    const Held before = rig.random(shape, 2, 8);
    Convolution conv;
    conv.out_channels = 8;
    const Held constants = rig.random({8, 1, 1}, 1, 8);
    const Held found = rig.run(layer_of(conv, {step(Pointwise::Kind::multiply)}), {rig.up(before)}, before,
                               {{rig.up(constants).data, false, false}});
    expect_formula(found, [&](int n, int y, int x, int c) { return before.at(n, y, x, c) * constants.at(0, 0, 0, c); });
}

TEST(GpuFusedKernels, BordersAreZerosEdgesOrMirrors) {
    Rig rig;
    const Held in = rig.random({9, 6, 11}, 2, 16);
    for (const auto kind : {Border::Kind::zeros, Border::Kind::edge, Border::Kind::reflect}) {
        const Pads pads{2, 3, -1, 1};
        const Held found = rig.run(layer_of(Border{kind, pads}), {rig.up(in)}, Held({9, 7, 15}, 2, 16));
        const auto place = [&](int at, int extent) {
            if (kind == Border::Kind::edge) return std::clamp(at, 0, extent - 1);
            return kind == Border::Kind::zeros || at >= 0
                       ? (at < extent || kind == Border::Kind::zeros ? at : 2 * (extent - 1) - at)
                       : -at;
        };
        expect_formula(found, [&](int n, int y, int x, int c) {
            const int v = place(y - 2, 6);
            const int u = place(x - 3, 11);
            return v < 0 || v >= 6 || u < 0 || u >= 11 ? 0.0F : in.at(n, v, u, c);
        });
    }
}

TEST(GpuFusedKernels, PoolsTakeTheMostOrTheMean) {
    Rig rig;
    const Held in = rig.random({20, 9, 13}, 2, 24);
    using Kind = Pooling::Kind;
    for (const Kind kind : {Kind::max, Kind::average, Kind::average_with_padding}) {
        const Pooling pool{kind, {3, 3}, {2, 1}, {1, 1, 1, 1}};
        const Held found = rig.run(layer_of(pool), {rig.up(in)}, Held({20, 5, 13}, 2, 24));
        expect_formula(found, [&](int n, int y, int x, int c) {
            float most = -std::numeric_limits<float>::infinity();
            float sum = 0;
            int count = 0;
            for (int v = std::max(2 * y - 1, 0); v < std::min(2 * y + 2, 9); ++v) {
                for (int u = std::max(x - 1, 0); u < std::min(x + 2, 13); ++u) {
                    most = std::max(most, in.at(n, v, u, c));
                    sum += in.at(n, v, u, c);
                    ++count;
                }
            }
            return kind == Kind::max ? most : sum / static_cast<float>(kind == Kind::average ? count : 9);
        });
    }
}

/// Bilinear, half pixels; as net.h has it.
float bilinear(const Held& in, const Value& to, const std::array<int, 4>& at) {
    const auto [n, y, x, c] = at;
    const auto place = [](int i, int from, int out) {
        const float scale = static_cast<float>(from) / static_cast<float>(out);
        return std::clamp((static_cast<float>(i) + 0.5F) * scale - 0.5F, 0.0F, static_cast<float>(from - 1));
    };
    const float v = place(y, in.shape.height, to.height);
    const float u = place(x, in.shape.width, to.width);
    const int y0 = static_cast<int>(v);
    const int x0 = static_cast<int>(u);
    const int y1 = std::min(y0 + 1, in.shape.height - 1);
    const int x1 = std::min(x0 + 1, in.shape.width - 1);
    const float dy = v - static_cast<float>(y0);
    const float dx = u - static_cast<float>(x0);
    const float top = in.at(n, y0, x0, c) * (1 - dx) + in.at(n, y0, x1, c) * dx;
    const float bottom = in.at(n, y1, x0, c) * (1 - dx) + in.at(n, y1, x1, c) * dx;
    return top * (1 - dy) + bottom * dy;
}

TEST(GpuFusedKernels, ResizesAreNearestOrBilinear) {
    Rig rig;
    const Held in = rig.random({11, 5, 9}, 2, 16);
    const Value twice{11, 10, 18};
    Resize nearest;
    nearest.coordinates = Resize::Coordinates::asymmetric;
    nearest.rounding = Resize::Rounding::floor;
    expect_formula(rig.run(layer_of(nearest), {rig.up(in)}, Held(twice, 2, 16)),
                   [&](int n, int y, int x, int c) { return in.at(n, y / 2, x / 2, c); });
    const Value odd{11, 13, 7};
    Resize linear;
    linear.kind = Resize::Kind::bilinear;
    for (const Value& to : {twice, odd}) {
        expect_formula(rig.run(layer_of(linear), {rig.up(in)}, Held(to, 2, 16)),
                       [&](int n, int y, int x, int c) { return bilinear(in, to, {n, y, x, c}); });
    }
}

TEST(GpuFusedKernels, JoinsTakeFullGroupsAndSingleChannels) {
    Rig rig;
    const std::vector<std::vector<int>> joins{{8, 16, 5}, {3, 8, 1}, {1, 1, 1}, {8, 8}};
    for (const std::vector<int>& channels : joins) {
        std::vector<Held> parts;
        std::vector<Pixels> inputs;
        int sum = 0;
        for (const int count : channels) {
            // The first has padding that the result lacks, as what a convolution reads has.
            parts.push_back(rig.random({count, 6, 7}, 2, (count + 7) / 8 * 8 + (sum == 0 ? 8 : 0)));
            inputs.push_back(rig.up(parts.back()));
            sum += count;
        }
        const Held found = rig.run(layer_of(Concat()), inputs, Held({sum, 6, 7}, 2, (sum + 7) / 8 * 8 + 8));
        expect_formula(found, [&](int n, int y, int x, int c) {
            std::size_t i = 0;
            while (c >= channels[i]) c -= channels[i++];
            return parts[i].at(n, y, x, c);
        });
    }
}

TEST(GpuFusedKernels, JoinsResizeOnTheWay) {
    Rig rig;
    Resize linear;
    linear.kind = Resize::Kind::bilinear;
    for (const auto& [first, second] : {std::pair{16, 13}, {5, 8}}) {
        const Held as_is = rig.random({first, 10, 14}, 2, 16);
        const Held half = rig.random({second, 5, 7}, 2, 16);
        const int sum = first + second;
        const Value to{sum, 10, 14};
        const Held found = rig.run(layer_of(Concat{{std::nullopt, linear}}), {rig.up(as_is), rig.up(half)},
                                   Held(to, 2, (sum + 7) / 8 * 8));
        expect_formula(found, [&](int n, int y, int x, int c) {
            return c < first ? as_is.at(n, y, x, c) : bilinear(half, to, {n, y, x, c - first});
        });
    }
}

/// A convolution of each channel by itself with random weights, as floats that are halves, and a step behind it.
void expect_depthwise(Rig& rig, const Step& kernel, const Step& stride) {
    const Held in = rig.random({21, 12, 15}, 2, 24);
    Convolution conv;
    conv.out_channels = conv.groups = 21;
    conv.kernel = kernel;
    conv.stride = stride;
    conv.pads = {kernel.y / 2, kernel.x / 2, kernel.y / 2, kernel.x / 2};
    const int taps = kernel.y * kernel.x;
    const Held taken = rig.random({21 * taps, 1, 1}, 1, 21 * taps);
    for (int i = 0; i < 21 * taps; ++i) conv.weights.push_back(taken.at(0, 0, 0, i));
    Held arranged({24 * taps, 1, 1}, 1, 24 * taps);
    arranged.bits = depthwise_weights(conv, 24);
    const Held bias = rig.random({21, 1, 1}, 1, 24);
    const Value to{21, (12 - 1) / stride.y + 1, (15 - 1) / stride.x + 1};
    const Held found = rig.run(layer_of(conv, {step(Pointwise::Kind::add)}), {rig.up(in)}, Held(to, 2, 24),
                               {{rig.up(bias).data, false, false}}, rig.up(arranged).data);
    expect_formula(found, [&](int n, int y, int x, int c) {
        float sum = 0;
        for (int tap = 0; tap < taps; ++tap) {
            const int v = y * stride.y - kernel.y / 2 + tap / kernel.x;
            const int u = x * stride.x - kernel.x / 2 + tap % kernel.x;
            if (v < 0 || v >= 12 || u < 0 || u >= 15) continue;
            sum = std::fma(in.at(n, v, u, c), conv.weights[static_cast<std::size_t>(c * taps + tap)], sum);
        }
        return sum + bias.at(0, 0, 0, c);
    });
}

TEST(GpuFusedKernels, ConvolutionsOfEachChannelByItself) {
    Rig rig;
    for (const Step& kernel : {Step{3, 3}, Step{5, 5}, Step{7, 7}, Step{1, 3}}) {
        for (const Step& stride : {Step{1, 1}, Step{2, 2}, Step{1, 2}}) expect_depthwise(rig, kernel, stride);
    }
}

TEST(GpuFusedKernels, BlocksBecomePixels) {
    Rig rig;
    for (const bool columns_last : {true, false}) {
        const Held in = rig.random({27, 4, 5}, 2, 32);
        const DepthToSpace root{.block = 3, .columns_last = columns_last};
        expect_formula(rig.run(layer_of(root), {rig.up(in)}, Held({3, 12, 15}, 2, 8)), [&](int n, int y, int x, int c) {
            const int inner = y % 3 * 3 + x % 3;
            return in.at(n, y / 3, x / 3, columns_last ? c * 9 + inner : inner * 3 + c);
        });
    }
}

}  // namespace
}  // namespace millrace::infer::fused::cuda
