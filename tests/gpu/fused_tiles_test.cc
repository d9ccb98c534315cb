// Our own kernel for convolutions on Hopper against the formula in float64.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "core/half.h"
#include "device/copy.h"
#include "gpu/support.h"
#include "infer/fused/cuda/tile_kernel.h"
#include "infer/fused/cuda/tile_plan.h"

namespace millrace::infer::fused::cuda {
namespace {

using device::test::gpu;
using device::test::plenty;
using Halves = std::vector<std::uint16_t>;

constexpr std::uint16_t not_a_number = 0x7E00;

struct Job {
    int batch = 1;
    Value input;
    int out_channels = 8;
    Step kernel{3, 3};
    Pads pads{1, 1, 1, 1};
    std::vector<Pointwise> steps;
};

Pointwise step(Pointwise::Kind kind, float low = 0, float high = 0) {
    Pointwise made;
    made.kind = kind;
    made.low = low;
    made.high = high;
    return made;
}

/// A bias and a PReLU, whose constants a Rig makes.
std::vector<Pointwise> usual() { return {step(Pointwise::Kind::add), step(Pointwise::Kind::prelu)}; }

class FusedTiles : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!runs_tiles(stream_)) GTEST_SKIP() << "not Hopper";
    }

    Halves random(std::size_t count, float spread) {
        std::uniform_real_distribution<float> distribution(-spread, spread);
        Halves halves(count);
        std::ranges::generate(halves, [&] { return core::half_of_float(distribution(random_)); });
        return halves;
    }

    const std::byte* up(const Halves& halves) {
        const core::TensorDesc desc{core::DType::float16, {static_cast<std::int64_t>(halves.size())}};
        const device::Tensor here = device::lease_tensor(host_, desc);
        std::ranges::copy(halves, here.as<std::uint16_t>());
        kept_.push_back(device::copied(stream_, memory_, here));
        device::synchronize(stream_);
        return kept_.back().data;
    }

    /// The kernel's result; what it does not write stays no number.
    Halves run(const Job& job) {
        convolution_.transposed = false;
        convolution_.kernel = job.kernel;
        convolution_.pads = job.pads;
        convolution_.out_channels = job.out_channels;
        out_ = {job.out_channels, job.input.height + job.pads.top + job.pads.bottom - job.kernel.y + 1,
                job.input.width + job.pads.left + job.pads.right - job.kernel.x + 1};
        const auto count = [](const Value& value) {
            return static_cast<std::size_t>(value.channels) * static_cast<std::size_t>(value.height) *
                   static_cast<std::size_t>(value.width);
        };
        pixels_ = random(count(job.input) * static_cast<std::size_t>(job.batch), 1);
        const auto taps = static_cast<std::size_t>(job.kernel.y * job.kernel.x);
        const auto rows = taps * static_cast<std::size_t>(job.input.channels);
        weights_ = random(rows * static_cast<std::size_t>(job.out_channels), 1 / std::sqrt(static_cast<float>(rows)));
        std::vector<Pointwise> steps = job.steps;
        ConvolutionSite site{job.batch, job.input, out_, convolution_, steps, {}};
        ConvolutionMemory memory{up(pixels_), up(weights_), nullptr, {}, nullptr};
        constants_.clear();
        for (Pointwise& step : steps) {
            if (step.kind == Pointwise::Kind::clip) continue;
            step.constants = {1};  // that it has some is all that the plan sees of them
            constants_.push_back(random(static_cast<std::size_t>(job.out_channels), 1));
            site.operands.push_back({{job.out_channels, 1, 1}, 1});
            memory.operands.push_back(up(constants_.back()));
        }
        const auto result = kept_.size();
        (void)up(Halves(count(out_) * static_cast<std::size_t>(job.batch), not_a_number));
        memory.output = kept_[result].data;
        const auto plan = make_tile_plan(stream_, site);
        EXPECT_NE(plan, nullptr);
        if (plan == nullptr) return {};
        plan->enqueue(memory);
        const device::Tensor down = device::copied(stream_, host_, kept_[result]);
        device::synchronize(stream_);
        return {down.as<std::uint16_t>(), down.as<std::uint16_t>() + down.desc.element_count()};
    }

    double expected(const Job& job, int n, int y, int x, int k) const {
        double sum = 0;
        for (int dy = 0; dy < job.kernel.y; ++dy) {
            for (int dx = 0; dx < job.kernel.x; ++dx) {
                const int v = y + dy - job.pads.top;
                const int u = x + dx - job.pads.left;
                if (v < 0 || u < 0 || v >= job.input.height || u >= job.input.width) continue;
                const auto pixel = (std::int64_t{n} * job.input.height + v) * job.input.width + u;
                const auto tap = (std::int64_t{k} * job.kernel.y + dy) * job.kernel.x + dx;
                for (int c = 0; c < job.input.channels; ++c) {
                    const auto from = static_cast<std::size_t>(pixel * job.input.channels + c);
                    const auto weight = static_cast<std::size_t>(tap * job.input.channels + c);
                    sum += double{core::float_of_half(pixels_[from])} * double{core::float_of_half(weights_[weight])};
                }
            }
        }
        return stepped(job, sum, static_cast<std::size_t>(k));
    }

    [[nodiscard]] double stepped(const Job& job, double value, std::size_t channel) const {
        std::size_t next = 0;
        for (const Pointwise& step : job.steps) {
            if (step.kind == Pointwise::Kind::clip) {
                value = std::clamp(value, double{step.low}, double{step.high});
                continue;
            }
            const double constant = double{core::float_of_half(constants_[next++][channel])};
            if (step.kind == Pointwise::Kind::add) value += constant;
            if (step.kind == Pointwise::Kind::multiply) value *= constant;
            if (step.kind == Pointwise::Kind::prelu && value < 0) value *= constant;
        }
        return value;
    }

    /// Every value: results are of about 1, and rounded to 11 bits.
    void check(const Job& job) {
        const Halves found = run(job);
        std::size_t i = 0;
        int wrong = 0;
        for (int n = 0; n < job.batch; ++n) {
            for (int y = 0; y < out_.height; ++y) {
                for (int x = 0; x < out_.width; ++x) {
                    for (int k = 0; k < out_.channels; ++k, ++i) {
                        const double want = expected(job, n, y, x, k);
                        const double have = double{core::float_of_half(found.at(i))};
                        if (std::abs(want - have) <= 2e-3 + 1e-3 * std::abs(want)) continue;
                        if (++wrong < 5)
                            ADD_FAILURE() << n << " " << y << " " << x << " " << k << ": " << want << ", " << have;
                    }
                }
            }
        }
        EXPECT_EQ(wrong, 0) << core::to_string({core::DType::float16,
                                                {job.batch, job.input.channels, job.input.height, job.input.width}})
                            << " to " << job.out_channels << ", " << job.kernel.y << " x " << job.kernel.x;
    }

    device::Stream stream_{gpu};
    device::BufferPool host_{{}, "host", plenty};
    device::BufferPool memory_{gpu, "device", plenty};
    std::vector<device::Tensor> kept_;
    std::mt19937 random_{11};
    Convolution convolution_;
    Value out_;
    Halves pixels_;
    Halves weights_;
    std::vector<Halves> constants_;
};

TEST_F(FusedTiles, SizesAroundThoseOfATile) {
    for (const int width : {1, 2, 61, 62, 63, 64, 65, 125}) {
        for (const int height : {1, 4, 5}) check({.input = {8, height, width}, .steps = usual()});
    }
}

TEST_F(FusedTiles, ChannelsOfAllNumbers) {
    for (const int in : {8, 16, 24, 40, 64}) {
        for (const int out : {8, 24, 64, 72, 128, 200}) {
            check({.input = {in, 6, 70}, .out_channels = out, .steps = usual()});
        }
    }
}

TEST_F(FusedTiles, KernelsAndPadding) {
    for (const Step kernel : {Step{1, 1}, Step{1, 3}, Step{3, 1}, Step{2, 2}, Step{2, 3}, Step{3, 3}}) {
        for (const Pads& pads : {Pads{0, 0, 0, 0}, Pads{1, 1, 1, 1}, Pads{0, 2, 3, 1}}) {
            check({.input = {16, 9, 66}, .out_channels = 16, .kernel = kernel, .pads = pads, .steps = usual()});
        }
    }
}

TEST_F(FusedTiles, EveryStep) {
    using Kind = Pointwise::Kind;
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<std::vector<Pointwise>> all{
        {},
        {step(Kind::add)},
        {step(Kind::multiply), step(Kind::add)},
        {step(Kind::clip, 0, infinity)},
        {step(Kind::add), step(Kind::prelu), step(Kind::multiply), step(Kind::clip, -0.25F, 0.5F)}};
    for (const auto& steps : all) check({.input = {32, 7, 65}, .out_channels = 40, .steps = steps});
}

TEST_F(FusedTiles, BatchesAndMoreTilesThanTheGpuHasPlacesFor) {
    check({.batch = 3, .input = {64, 9, 130}, .out_channels = 64, .steps = usual()});
    check({.batch = 9, .input = {8, 130, 130}, .out_channels = 8, .steps = usual()});
}

TEST_F(FusedTiles, TheSameBytesEachTime) {
    const Job job{.batch = 2, .input = {64, 270, 480}, .out_channels = 64, .steps = usual()};
    std::optional<Halves> first;
    for (int i = 0; i < 5; ++i) {
        random_.seed(3);
        const Halves found = run(job);
        if (!first) first = found;
        EXPECT_EQ(found, *first);
    }
}

TEST_F(FusedTiles, OthersAreLeftToCudnn) {
    const auto plan = [&](const Value& input, auto change) {
        Convolution convolution;
        convolution.out_channels = 8;
        convolution.kernel = {3, 3};
        std::vector<Pointwise> steps;
        change(convolution, steps);
        return make_tile_plan(stream_, {1, input, {8, 8, 8}, convolution, steps, {}});
    };
    using Steps = std::vector<Pointwise>;
    const Value small{8, 8, 8};
    EXPECT_NE(plan(small, [](Convolution&, Steps&) {}), nullptr);
    EXPECT_EQ(plan({72, 8, 8}, [](Convolution&, Steps&) {}), nullptr);
    EXPECT_EQ(plan(small, [](Convolution& c, Steps&) { c.stride = {2, 2}; }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution& c, Steps&) { c.dilation = {1, 2}; }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution& c, Steps&) { c.kernel = {1, 5}; }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution& c, Steps&) { c.transposed = true; }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution& c, Steps&) { c.groups = 2; }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution&, Steps& s) { s.push_back(step(Pointwise::Kind::tanh)); }), nullptr);
    EXPECT_EQ(plan(small, [](Convolution&, Steps& s) { s.push_back(step(Pointwise::Kind::add)), s.back().value = 3; }),
              nullptr);
    EXPECT_EQ(plan(small, [](Convolution&, Steps& s) { s.resize(5, step(Pointwise::Kind::clip)); }), nullptr);
}

}  // namespace
}  // namespace millrace::infer::fused::cuda
