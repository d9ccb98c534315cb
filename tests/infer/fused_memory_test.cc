// Where a fused net's values and weights lie, and how its plans are kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "core/half.h"
#include "infer/fused/arena.h"
#include "infer/fused/depthwise.h"
#include "infer/fused/packing.h"
#include "infer/fused/plan_store.h"
#include "infer/fused/weights.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace millrace::infer::fused {
namespace {

using millrace::test::error_of;
using millrace::test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A chain with skips: layer i makes value i + 1 of value i, and adds an earlier one where `skips` says which.
Net chain(const std::vector<Value>& values, const std::vector<int>& skips) {
    Net net;
    net.batch = 2;
    net.values = values;
    for (int i = 0; i + 1 < static_cast<int>(values.size()); ++i) {
        Layer layer{"layer", {i}, i + 1, Identity{}, {}};
        const int skip = skips.at(static_cast<std::size_t>(i));
        if (skip >= 0 && skip <= i)
            layer.pointwise.push_back({.kind = Pointwise::Kind::add, .constants = {}, .value = skip});
        net.layers.push_back(layer);
    }
    net.inputs = {{"input", 0}};
    net.outputs = {{"output", static_cast<int>(values.size()) - 1}};
    return net;
}

/// The last layer that reads a value, by the definition.
int last_reader(const Net& net, int value) {
    int last = -1;
    for (int i = 0; i < static_cast<int>(net.layers.size()); ++i) {
        const Layer& layer = net.layers[static_cast<std::size_t>(i)];
        if (layer.inputs.front() == value) last = i;
        for (const Pointwise& step : layer.pointwise) {
            if (step.value == value) last = i;
        }
    }
    return value == net.outputs.front().value ? static_cast<int>(net.layers.size()) : last;
}

RC_GTEST_PROP(FusedArena, ValuesThatAreThereTogetherDoNotOverlap, ()) {
    const auto count = *rc::gen::inRange<std::size_t>(2, 12);
    std::vector<Value> values;
    std::vector<int> skips;
    for (std::size_t i = 0; i < count; ++i) {
        values.push_back({*rc::gen::inRange(1, 70), *rc::gen::inRange(1, 20), *rc::gen::inRange(1, 20)});
        skips.push_back(*rc::gen::inRange(-1, static_cast<int>(count)));
    }
    const Net net = chain(values, skips);
    const std::vector<int> channels = padded_channels(net);
    const Arena arena = plan_arena(net);
    for (int a = 0; a < static_cast<int>(count); ++a) {
        const auto i = static_cast<std::size_t>(a);
        const std::size_t size =
            std::size_t{2} * 2 * static_cast<std::size_t>(channels[i] * values[i].height * values[i].width);
        RC_ASSERT(channels[i] >= values[i].channels && channels[i] % 8 == 0);
        RC_ASSERT(arena.offsets[i] % 256 == 0);
        RC_ASSERT(arena.offsets[i] + size <= arena.bytes);
        // Value b is written by layer b - 1, which must not touch what is read then or later.
        for (int b = a + 1; b < static_cast<int>(count) && last_reader(net, a) >= b - 1; ++b) {
            const std::size_t other = arena.offsets[static_cast<std::size_t>(b)];
            const auto j = static_cast<std::size_t>(b);
            const std::size_t other_size =
                std::size_t{2} * 2 * static_cast<std::size_t>(channels[j] * values[j].height * values[j].width);
            RC_ASSERT(arena.offsets[i] + size <= other || other + other_size <= arena.offsets[i]);
        }
    }
}

TEST(FusedArena, AChainTakesTheTwoLargestNeighbours) {
    const Value large{64, 90, 160};
    const std::size_t bytes = std::size_t{2} * 2 * 64 * 90 * 160;
    const Arena arena = plan_arena(chain({large, large, large, large, large}, {-1, -1, -1, -1, -1}));
    EXPECT_EQ(arena.bytes, 2 * bytes);
}

TEST(FusedArena, WhatConvolutionsReadHasSixteenChannelsOrMore) {
    Net net = chain({{3, 4, 4}, {3, 4, 4}, {17, 4, 4}, {4, 4, 4}}, {-1, -1, -1, -1});
    net.layers[1].root = Convolution();
    net.layers[2].root = Convolution();
    EXPECT_THAT(padded_channels(net), ElementsAre(8, 16, 24, 8));
}

TEST(FusedPacking, OfPicturesOfThreeChannels) {
    Net net = chain({{3, 4, 6}, {12, 4, 6}, {3, 8, 12}}, {-1, -1});
    net.layers[0].root = Convolution();
    const std::vector<int> channels = padded_channels(net);
    const auto input = packed_input(net, 0, channels);
    ASSERT_TRUE(input.has_value());
    EXPECT_EQ(*input, (PackedPicture{{core::DType::float16, {2, 4, 6, 16}}, 1}));
    const auto blocks = packed_result(net, 1, {.block = 2, .columns_last = true}, channels);
    ASSERT_TRUE(blocks.has_value());
    EXPECT_EQ(*blocks, (PackedPicture{{core::DType::float16, {2, 4, 6, 16}}, 2}));
    const auto plain = packed_result(net, 2, {.block = 1}, channels);
    ASSERT_TRUE(plain.has_value());
    EXPECT_EQ(*plain, (PackedPicture{{core::DType::float16, {2, 8, 12, 8}}, 1}));
}

TEST(FusedPacking, NotOfOthers) {
    const Net net = chain({{1, 4, 6}, {12, 4, 6}, {27, 8, 12}}, {-1, -1});
    const std::vector<int> channels = padded_channels(net);
    EXPECT_FALSE(packed_input(net, 0, channels)) << "luma";
    EXPECT_FALSE(packed_result(net, 1, {.block = 2, .columns_last = false}, channels)) << "channels innermost";
    EXPECT_FALSE(packed_result(net, 1, {.block = 1}, channels)) << "no picture";
    EXPECT_FALSE(packed_result(net, 2, {.block = 3, .columns_last = true}, channels));
    const Net picture = chain({{3, 4, 6}, {3, 4, 6}}, {-1});
    EXPECT_FALSE(packed_result(picture, 0, {.block = 1}, padded_channels(picture))) << "an input as it is";
}

TEST(FusedArena, WhatIsSummedIsPaddedAlike) {
    const Value one{3, 4, 4};
    Net net = chain({one, one, one, one, one}, {-1, 0, -1, 2, -1});
    net.layers[0].root = Convolution();
    EXPECT_THAT(padded_channels(net), ElementsAre(16, 8, 16, 8, 16));
}

std::vector<float> numbered(int count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i + 1);
    return values;
}

/// Zero where groups keep a pair of channels apart: numbered() has none.
float weight_of(const Convolution& conv, int out, int in, int tap) {
    const int outs = conv.out_channels / conv.groups;
    const int ins = 4 / conv.groups;
    if (out / outs != in / ins) return 0;
    const int row = conv.transposed ? in * outs + out % outs : out * ins + in % ins;
    return static_cast<float>(row * 6 + tap + 1);
}

TEST(FusedWeights, HaveTheReadChannelsInnermostAndZerosAround) {
    for (const int groups : {1, 2}) {
        for (const bool transposed : {false, true}) {
            Convolution conv;
            conv.out_channels = 6;
            conv.kernel = {2, 3};
            conv.groups = groups;
            conv.transposed = transposed;
            conv.weights = numbered(4 * 6 * 6 / groups);
            const Halves found = arranged_weights(conv, {4, 16, 8});
            ASSERT_EQ(found.size(), 8U * 6 * 16);
            for (int out = 0; out < 8; ++out) {
                for (int in = 0; in < 16; ++in) {
                    for (int tap = 0; tap < 6; ++tap) {
                        const float expected = out < 6 && in < 4 ? weight_of(conv, out, in, tap) : 0;
                        const int at = transposed ? (in * 6 + tap) * 8 + out : (out * 6 + tap) * 16 + in;
                        EXPECT_EQ(core::float_of_half(found.at(static_cast<std::size_t>(at))), expected);
                    }
                }
            }
        }
    }
}

TEST(FusedWeights, OfEachChannelByItselfLieTapByTap) {
    Convolution conv;
    conv.out_channels = 3;
    conv.groups = 3;
    conv.kernel = {2, 3};
    conv.weights = numbered(3 * 6);
    const Halves found = depthwise_weights(conv, 8);
    ASSERT_EQ(found.size(), 6U * 8);
    for (int tap = 0; tap < 6; ++tap) {
        for (int channel = 0; channel < 8; ++channel) {
            const auto expected = static_cast<float>(channel < 3 ? channel * 6 + tap + 1 : 0);
            EXPECT_EQ(core::float_of_half(found.at(static_cast<std::size_t>(tap * 8 + channel))), expected);
        }
    }
}

TEST(FusedWeights, WhatIsOfEachChannelByItself) {
    Convolution conv;
    conv.out_channels = 12;
    conv.groups = 12;
    conv.kernel = {3, 5};
    conv.stride = {2, 2};
    EXPECT_TRUE(is_depthwise(conv, 12));
    const auto differing = [&](auto change) {
        Convolution other = conv;
        change(other);
        return is_depthwise(other, 12);
    };
    EXPECT_FALSE(differing([](Convolution& c) { c.groups = 6; }));
    EXPECT_FALSE(differing([](Convolution& c) { c.out_channels = 24; })) << "two for each channel";
    EXPECT_FALSE(differing([](Convolution& c) { c.kernel.x = 4; }));
    EXPECT_FALSE(differing([](Convolution& c) { c.stride.x = 3; }));
    EXPECT_FALSE(differing([](Convolution& c) { c.dilation.y = 2; }));
    EXPECT_FALSE(differing([](Convolution& c) { c.transposed = true; }));
}

TEST(FusedWeights, ConstantsAreForEachChannelWithinTheRangeOfHalves) {
    const auto floats = [](const Halves& halves) {
        std::vector<float> values;
        for (const std::uint16_t half : halves) values.push_back(core::float_of_half(half));
        return values;
    };
    EXPECT_THAT(floats(arranged_constants({0.25F}, 2, 4)), ElementsAre(0.25F, 0.25F, 0, 0));
    EXPECT_THAT(floats(arranged_constants({1e6F, -1e6F}, 2, 2)), ElementsAre(65504.0F, -65504.0F));
}

TEST(FusedPlans, AreReadAsTheyWereSaved) {
    const TemporaryFolder folder;
    PlanStore plans{std::filesystem::path(folder.path())};
    EXPECT_TRUE(plans.empty());
    plans.add("3x3 a", {{1, 2, 0, 255}, "eng4_k24=26", 0.25});
    plans.add("3x3 b", {});  // cuDNN has none
    plans.save(folder.path());
    const PlanStore read{std::filesystem::path(folder.path())};
    ASSERT_NE(read.find("3x3 a"), nullptr);
    EXPECT_THAT(read.find("3x3 a")->bytes, ElementsAre(1, 2, 0, 255));
    EXPECT_EQ(read.find("3x3 a")->name, "eng4_k24=26");
    EXPECT_EQ(read.find("3x3 a")->seconds, 0.25);
    ASSERT_NE(read.find("3x3 b"), nullptr);
    EXPECT_TRUE(read.find("3x3 b")->bytes.empty());
    EXPECT_EQ(read.find("3x3 c"), nullptr);
}

TEST(FusedPlans, ADamagedFolderIsNamed) {
    const TemporaryFolder folder;
    const auto open = [&] { (void)PlanStore{std::filesystem::path(folder.path())}; };
    std::ofstream(folder / "plans.json") << "{";
    EXPECT_THAT(error_of(open).what(), HasSubstr(folder / "plans.json"));
    std::ofstream(folder / "plans.json") << R"({"a": {"file": "0.plan", "name": "", "seconds": 0}})";
    EXPECT_THAT(error_of(open).what(), HasSubstr(folder / "0.plan cannot be read"));
}

}  // namespace
}  // namespace millrace::infer::fused
