// What layers compute and move, against numbers by hand, and which row each node stands in.

#include "infer/fused/layer_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/fused/layer_times.h"
#include "infer/fused/roofline.h"
#include "infer/fused_models.h"
#include "infer/model_fixture.h"

namespace millrace::infer::fused {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A layer of one value of 8 x 10 pixels to another, with batch 2.
Net net_of(Value in, Value out, Root root) {
    Net net;
    net.batch = 2;
    net.values = {in, out};
    net.layers.push_back({"layer", {0}, 1, std::move(root), {}});
    return net;
}

Convolution convolution(int out_channels, int kernel, std::size_t weights) {
    Convolution made;
    made.out_channels = out_channels;
    made.kernel = {kernel, kernel};
    made.weights.resize(weights);
    return made;
}

TEST(LayerWork, OfAConvolution) {
    // Each of 2 x 80 x 16 values is a sum of 4 x 3 x 3 products.
    Net net = net_of({4, 8, 10}, {16, 8, 10}, convolution(16, 3, 576));
    LayerWork work = work_of(net, net.layers[0]);
    EXPECT_EQ(work.operations, 2.0 * 2 * 80 * 16 * 36);
    EXPECT_EQ(work.bytes, 2.0 * (2 * 80 * (4 + 16) + 576));
    // A bias of 16 constants, and a sum with another value of the result's size.
    net.values.push_back({16, 8, 10});
    net.layers[0].pointwise.push_back({Pointwise::Kind::add, std::vector<float>(16), -1, 0, 0});
    net.layers[0].pointwise.push_back({Pointwise::Kind::add, {}, 2, 0, 0});
    work = work_of(net, net.layers[0]);
    EXPECT_EQ(work.operations, 2.0 * 2 * 80 * 16 * 36);
    EXPECT_EQ(work.bytes, 2.0 * (2 * 80 * (4 + 16 + 16) + 576 + 16));
}

TEST(LayerWork, OfGroupsAndStrides) {
    Convolution grouped = convolution(8, 3, 144);
    grouped.groups = 4;
    grouped.stride = {2, 2};
    const Net net = net_of({8, 8, 10}, {8, 4, 5}, grouped);
    EXPECT_EQ(work_of(net, net.layers[0]).operations, 2.0 * 2 * 20 * 8 * 2 * 9);
}

TEST(LayerWork, OfATransposedConvolution) {
    Convolution transposed = convolution(3, 4, 384);
    transposed.transposed = true;
    transposed.stride = {2, 2};
    const Net net = net_of({8, 8, 10}, {3, 16, 20}, transposed);
    EXPECT_EQ(work_of(net, net.layers[0]).operations, 2.0 * 2 * 80 * 8 * 3 * 16);
}

TEST(LayerWork, OfWhatHasNoProducts) {
    const Net net = net_of({4, 8, 10}, {4, 4, 5}, Pooling{Pooling::Kind::max, {2, 2}, {2, 2}, {}});
    const LayerWork work = work_of(net, net.layers[0]);
    EXPECT_EQ(work.operations, 0);
    EXPECT_EQ(work.bytes, 2.0 * 2 * (80 * 4 + 20 * 4));
}

TEST(LayerTable, HasARowForEachLayerAndForWhatIsNotFused) {
    ModelMaker maker({-1, 3, -1, -1});
    const std::string hidden = maker.node("Relu", {maker.conv("input", 3, 64, 3, "pads=1,1,1,1")});
    const std::string same = maker.node("Identity", {hidden});
    const std::string out = maker.conv(same, 64, 3, 3, "pads=1,1,1,1");
    maker.output(maker.node("Sigmoid", {out}));
    const LayerTable all = layer_table(lower_for(maker.bytes(), {1, 3, 8, 10}));
    ASSERT_EQ(all.rows.size(), 2U);
    EXPECT_THAT(all.rows[0].operators, ElementsAre("Conv", "Relu"));
    EXPECT_THAT(all.rows[1].operators, ElementsAre("Conv", "Sigmoid"));
    EXPECT_EQ(all.rows[0].work.operations, 2.0 * 80 * 64 * 27);
    EXPECT_EQ(all.rows[1].work.operations, 2.0 * 80 * 3 * 576);
    EXPECT_THAT(all.folded, ElementsAre(Pair("Identity", 1)));
    for (const LayerRow& row : all.rows) EXPECT_THAT(row.reason, IsEmpty());
}

TEST(LayerTable, SaysWhyANodeIsNotFused) {
    ModelMaker maker({1, 3, 8, 10});
    maker.output(maker.node("Softmax", {maker.conv("input", 3, 8, 3)}, "axis=1"));
    const LayerTable table = layer_table(lower_for(maker.bytes(), {1, 3, 8, 10}));
    ASSERT_FALSE(table.rows.empty());
    EXPECT_THAT(table.rows.back().operators, ElementsAre("Softmax"));
    EXPECT_THAT(table.rows.back().reason, HasSubstr("Softmax is not among what is fused"));
}

TEST(Roofline, IsTheLongerOfComputingAndMoving) {
    const DevicePeak peak{1e12, 1e9};
    EXPECT_DOUBLE_EQ(least_seconds({2e9, 1e6}, peak), 2e-3);
    EXPECT_DOUBLE_EQ(least_seconds({2e9, 1e7}, peak), 1e-2);
    EXPECT_EQ(least_seconds({2e9, 1e7}, {}), 0);
}

// NVIDIA's data sheets: dense float16, in TFLOP/s, from multiprocessors and boost clock.
TEST(Roofline, IsWhatNvidiaSays) {
    const auto peak = [](int major, int minor, int multiprocessors, double ghz) {
        return tensor_operations_a_clock(major, minor) * multiprocessors * ghz / 1e3;
    };
    EXPECT_NEAR(peak(9, 0, 132, 1.83), 989, 2);
    EXPECT_NEAR(peak(8, 0, 108, 1.41), 312, 1);
    EXPECT_NEAR(peak(8, 9, 142, 2.52), 362, 6);
    EXPECT_NEAR(peak(7, 5, 40, 1.59), 65, 1);
    EXPECT_EQ(tensor_operations_a_clock(6, 1), 0);
}

TEST(LayerTimes, AreKeptWithThePlans) {
    const millrace::test::TemporaryFolder folder;
    EXPECT_THAT(load_layer_times(folder.path()), IsEmpty());
    save_layer_times({{taking_in, "", 1e-5}, {"Conv0", "eng1", 2e-4}}, folder.path());
    const std::vector<LayerTime> times = load_layer_times(folder.path());
    ASSERT_EQ(times.size(), 2U);
    EXPECT_EQ(times[1].name, "Conv0");
    EXPECT_EQ(times[1].plan, "eng1");
    EXPECT_EQ(times[1].seconds, 2e-4);
}

}  // namespace
}  // namespace millrace::infer::fused
