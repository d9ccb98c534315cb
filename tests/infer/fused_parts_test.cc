// Models of which some nodes are not fused: how they are cut, and that the parts together give ONNX Runtime's numbers.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "core/error.h"
#include "infer/fused/trace.h"
#include "infer/fused_parts.h"
#include "infer/model_fixture.h"
#include "support/error_of.h"

namespace millrace::infer::fused {
namespace {

using millrace::test::error_of;
using ::testing::HasSubstr;

constexpr double close = 1e-5;
const Shape shape{1, 3, 8, 12};

/// A convolution with enough to do to be worth a part of its own.
std::string conv(ModelMaker& model, const std::string& input, int in, int out) {
    return model.conv(input, in, out, 3, "pads=1,1,1,1");
}

TEST(FusedParts, ANodeInTheMiddle) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.node("Relu", {conv(model, "input", 3, 16)});
    x = model.node("Softmax", {x}, "axis=1");
    x = model.node("Relu", {conv(model, x, 16, 3)});
    model.output(x);
    const Lowered lowered = cut_for(model.bytes(), shape);
    EXPECT_EQ(parts_of(lowered), "Conv0 Relu1 | Softmax2 | Conv3 Relu4");
    EXPECT_EQ(lowered.whole(), nullptr);
    EXPECT_EQ(lowered.nodes[2].reason, "Softmax is not among what is fused");
    EXPECT_EQ(lowered.nodes[1].layer, "Conv0");
    EXPECT_EQ(lowered.parts[0].nodes, 2);
    const graph::TensorType between{1, Shape{1, 16, 8, 12}};
    EXPECT_EQ(lowered.parts[1].inputs.at(0).type, between);
    EXPECT_EQ(lowered.parts[2].inputs.at(0).type, between);
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
    EXPECT_LT(error_of_parts(model.bytes(), {4, 3, 5, 7}), close);
}

TEST(FusedParts, TwoBranchesMeetAgain) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string first = conv(model, "input", 3, 8);
    const std::string left = model.node("Elu", {conv(model, first, 8, 8)});
    const std::string right = conv(model, model.node("Erf", {first}), 8, 8);
    // Right's convolution waits for Erf, and the sum for both; Elu runs beside Erf.
    model.output(conv(model, model.node("Add", {left, right}), 8, 3));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 Conv1 | Elu2 Erf3 | Conv4 Add5 Conv6");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, ValuesThatSkipAPartStayHalves) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string first = model.node("Relu", {conv(model, "input", 3, 8)});
    const std::string middle = model.node("Elu", {conv(model, first, 8, 8)});
    model.output(conv(model, model.node("Concat", {first, middle}, "axis=1"), 16, 3));
    const Lowered lowered = cut_for(model.bytes(), shape);
    ASSERT_EQ(parts_of(lowered), "Conv0 Relu1 Conv2 | Elu3 | Concat4 Conv5");
    ASSERT_EQ(lowered.parts[0].outputs.size(), 2U);
    const PartPort& skipping = lowered.parts[0].outputs[1];
    EXPECT_EQ(skipping.type, (graph::TensorType{10, Shape{1, 8, 8, 12}}));
    EXPECT_EQ(lowered.parts[2].inputs.at(0).name, skipping.name);
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, SeveralOutputsSomeOfThemReadInside) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string picture = conv(model, "input", 3, 8);
    const std::string soft = model.node("Softmax", {picture}, "axis=1");
    const std::string last = conv(model, soft, 8, 3);
    model.output(last);
    model.output(soft);     // the runtime's, and read by a layer
    model.output(picture);  // a layer's, and read by the runtime
    model.output(model.node("Flatten", {picture}), 2);
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 | Softmax1 | Conv2");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
    EXPECT_LT(error_of_parts(model.bytes(), {3, 3, 4, 4}), close);
}

TEST(FusedParts, OutputsOfAnyRankOfFusedNetsAlone) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = conv(model, "input", 3, 10);
    model.output(model.node("Reshape", {x, model.integers({0, 2, 5, -1})}));
    model.output(model.node("Reshape", {x, model.integers({0, 10, -1})}), 3);
    const Lowered lowered = cut_for(model.bytes(), shape);
    ASSERT_NE(lowered.whole(), nullptr);
    EXPECT_EQ(lowered.parts[0].outputs.at(1).type.shape, (Shape{1, 10, 96}));
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, AnInitialiserOfTwoParts) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string one = model.weights({8, 8, 12});
    std::string x = model.node("Add", {conv(model, "input", 3, 8), one});
    x = model.node("Mul", {conv(model, x, 8, 8), one});
    model.output(conv(model, x, 8, 3));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 | Add1 | Conv2 | Mul3 | Conv4");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, ConstantsThatWereComputedAheadGoAlong) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = conv(model, "input", 3, 8);
    // [1, 8, 8, 12] by its own shape, as exporters write it; TopK's number is a cast and a sum.
    const std::string extents = model.node("Shape", {x});
    const std::string height = model.node("Gather", {extents, model.integers({2})});
    const std::string half = model.node("Div", {height, model.integers({2})});
    const std::string top = model.node("TopK", {x, half}, "axis=2");
    (void)model.another_output();
    model.output(conv(model, top, 8, 3));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 | TopK4 | Conv5");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, TheEndIsTheRuntimes) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.node("Flatten", {model.node("GlobalAveragePool", {conv(model, "input", 3, 16)})});
    x = model.node("Softmax", {x}, "axis=1");
    const std::string largest = model.node("TopK", {x, model.integers({3})});
    (void)model.another_output();
    model.output(largest, 2);
    const Lowered lowered = cut_for(model.bytes(), shape);
    EXPECT_EQ(parts_of(lowered), "Conv0 GlobalAveragePool1 | Softmax3 TopK4");
    EXPECT_EQ(lowered.parts[1].inputs.at(0).type.shape, (Shape{1, 16}));
    EXPECT_LT(error_of_parts(model.bytes(), {2, 3, 8, 12}), close);
}

TEST(FusedParts, TheBeginningIsTheRuntimes) {
    ModelMaker model({-1, -1, -1, 3});
    std::string x = model.node("Transpose", {model.node("Softsign", {"input"})}, "perm=0,3,1,2");
    model.output(model.node("Relu", {conv(model, x, 3, 8)}));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), {2, 8, 12, 3})), "Softsign0 Transpose1 | Conv2 Relu3");
    EXPECT_LT(error_of_parts(model.bytes(), {2, 8, 12, 3}), close);
}

TEST(FusedParts, ViewsGoAlongWithWhateverReadsThem) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = conv(model, "input", 3, 8);
    // Unchanged in memory; turned; turned and back.
    const std::string flat = model.node("Softmax", {model.node("Reshape", {x, model.integers({0, 8, -1})})}, "axis=2");
    const std::string turned = model.node("Softmax", {model.node("Transpose", {x}, "perm=0,2,3,1")}, "axis=3");
    const std::string back = model.node("Transpose", {turned}, "perm=0,3,1,2");
    const std::string all = model.node("Add", {back, model.node("Reshape", {flat, model.integers({1, 8, 8, 12})})});
    model.output(conv(model, all, 8, 3));
    const Lowered lowered = cut_for(model.bytes(), shape);
    EXPECT_EQ(parts_of(lowered), "Conv0 | Softmax2 Transpose3 Softmax4 Transpose5 Reshape6 | Add7 Conv8");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, AShuffleThatTheRuntimeReadsIsALayer) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.node("Reshape", {conv(model, "input", 3, 8), model.integers({1, 2, 2, 2, 8, 12})});
    x = model.node("Transpose", {x}, "perm=0,1,4,2,5,3");
    x = model.node("Reshape", {x, model.integers({1, 2, 16, 24})});
    model.output(model.node("Softmax", {x}, "axis=1"));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 Reshape1 Transpose2 Reshape3 | Softmax4");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, WhatIsNotWorthItsBordersStaysWithTheRuntime) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.node("Elu", {conv(model, "input", 3, 64)});
    x = model.node("Relu", {conv(model, x, 64, 64)});
    x = model.node("Elu", {x});
    x = model.node("Elu", {model.node("Mul", {x, model.node("Sigmoid", {x})})});
    const std::string mean = model.node("Elu", {model.node("GlobalAveragePool", {x})});
    x = model.node("Elu", {model.node("Add", {x, model.conv(mean, 64, 64, 1)})});
    model.output(conv(model, x, 64, 64));
    const Lowered lowered = cut_for(model.bytes(), shape, worthwhile_work);
    // 27 * 64 multiplications for 67 values at first, 576 * 64 for 128 then; no product; 64 for two values of a mean.
    EXPECT_EQ(parts_of(lowered),
              "Conv0 Elu1 | Conv2 Relu3 | Elu4 Sigmoid5 Mul6 Elu7 GlobalAveragePool8 Elu9 Conv10 Add11 Elu12 | Conv13");
    EXPECT_EQ(lowered.nodes[0].reason, not_worth);
    EXPECT_EQ(lowered.nodes[10].reason, not_worth);
    EXPECT_LT(error_of_parts(model.bytes(), shape, worthwhile_work), close);
}

TEST(FusedParts, NothingIsWorthIt) {
    ModelMaker model({-1, 3, -1, -1});
    model.output(model.node("Softmax", {model.node("Relu", {"input"})}, "axis=1"));
    const Lowered lowered = cut_for(model.bytes(), shape, worthwhile_work);
    EXPECT_TRUE(lowered.parts.empty());
    EXPECT_EQ(lowered.nodes[0].reason, not_worth);
    EXPECT_EQ(lowered.nodes[1].reason, "Softmax is not among what is fused");
}

TEST(FusedParts, WhatCannotPassBetweenPartsKeepsThemTogether) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = conv(model, "input", 3, 8);
    // How many there are is known only then, so that what reads them must be in the same part.
    const std::string places = model.node("Transpose", {model.node("NonZero", {model.node("Elu", {x})})});
    const std::string next = conv(model, model.node("Erf", {x}), 8, 8);
    const std::string largest = model.node("ReduceMax", {model.node("GatherND", {next, places})});
    model.output(conv(model, model.node("Mul", {model.node("Elu", {next}), largest}), 8, 3));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)),
              "Conv0 | Elu1 NonZero2 Transpose3 Erf4 Conv5 GatherND6 ReduceMax7 Elu8 Mul9 | Conv10");
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, IntegersPassBetweenTheRuntimesParts) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = conv(model, "input", 3, 8);
    const std::string best = model.node("ArgMax", {x}, "axis=1");
    const std::string next = conv(model, model.node("Erf", {x}), 8, 8);
    model.output(conv(model, model.node("GatherElements", {next, best}, "axis=1"), 1, 3));
    const Lowered lowered = cut_for(model.bytes(), shape);
    EXPECT_EQ(parts_of(lowered), "Conv0 | ArgMax1 Erf2 | Conv3 | GatherElements4 | Conv5");
    EXPECT_EQ(lowered.parts[1].outputs.at(0).type, (graph::TensorType{7, Shape{1, 1, 8, 12}}));
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, WhatNobodyReadsIsInNoPart) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = conv(model, "input", 3, 8);
    (void)model.node("Elu", {conv(model, x, 8, 8)});
    model.output(conv(model, model.node("Elu", {x}), 8, 3));
    EXPECT_EQ(parts_of(cut_for(model.bytes(), shape)), "Conv0 | Elu3 | Conv4");
}

TEST(FusedParts, WithoutARuntimeNothingBehindIsFused) {
    ModelMaker model({-1, 3, -1, -1});
    model.output(conv(model, model.node("Elu", {conv(model, "input", 3, 8)}), 8, 3));
    const std::string bytes = model.bytes();
    const Lowered lowered = lower(std::as_bytes(std::span(bytes)), "test.onnx", {{"input", shape}}, {}, 0);
    EXPECT_EQ(parts_of(lowered), "Conv0 | Elu1 Conv2");
    EXPECT_EQ(lowered.nodes[2].reason, "the shape of 't3' is not known: Elu1 is not fused");
}

/// An ONNX model of its own text, with weights in `beside`, a file next to it, where that is not "".
std::string model_of_text(const TemporaryFolder& folder, const std::string& text, const std::string& beside = "") {
    run_python(
        fmt::format("import onnx, onnx.parser\n"
                    "model = onnx.parser.parse_model('''{}''')\n"
                    "for one in model.graph.initializer:\n"
                    "    values = onnx.numpy_helper.to_array(one)\n"
                    "    one.CopyFrom(onnx.numpy_helper.from_array(values, one.name))\n"
                    "onnx.save(model, '{}/model.onnx', save_as_external_data={}, location='{}',\n"
                    "          size_threshold=0)\n",
                    text, folder.path().string(), beside.empty() ? "False" : "True", beside));
    return read_all(folder.path() / "model.onnx");
}

TEST(FusedParts, FunctionsAndBranchesAreTheRuntimes) {
    const TemporaryFolder folder;
    const std::string model = model_of_text(folder, R"(
        <ir_version: 8, opset_import: ["" : 17, "local" : 1]>
        test (float[1, 3, 8, 12] input) => (float[1, 2, 8, 12] y)
        <float[2, 3, 1, 1] w = {1, 2, -1, 3, 0.5, 1}, float[2, 2, 1, 1] v = {1, 2, 3, 4}>
        {
            x = Conv(input, w)
            s = ReduceSum<keepdims = 0>(x)
            zero = Constant<value = float {0}>()
            big = Greater(s, zero)
            f = local.twice(x)
            b = If(big) <then_branch = t () => (float[1, 2, 8, 12] o) { o = Mul(x, s) },
                         else_branch = e () => (float[1, 2, 8, 12] o) { o = Neg(x) }>
            a = Add(f, b)
            y = Conv(a, v)
        }
        <domain: "local", opset_import: ["" : 17]>
        twice (a) => (b) { b = Add(a, a) })");
    EXPECT_EQ(parts_of(cut_for(model, shape)), "Conv_0 | ReduceSum_1 Greater_3 twice_4 If_5 | Add_6 Conv_7");
    EXPECT_LT(error_of_parts(model, shape), close);
}

TEST(FusedParts, WeightsBesideTheModelGoAlong) {
    const TemporaryFolder folder;
    const std::string model = model_of_text(folder, R"(
        <ir_version: 8, opset_import: ["" : 17]>
        test (float[1, 3, 8, 12] input) => (float[1, 2, 8, 12] y)
        <float[2, 3, 1, 1] w = {1, 2, -1, 3, 0.5, 1}, float[12] more = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>
        {
            x = Conv(input, w)
            y = Add(x, more)
        })",
                                            "weights.bin");
    const auto cut = [&](const std::string& path) {
        return lower(std::as_bytes(std::span(model)), path, {{"input", shape}}, infer_types, 0);
    };
    const Lowered lowered = cut(folder.path() / "model.onnx");
    ASSERT_EQ(parts_of(lowered), "Conv_0 | Add_1");
    Held ones;
    ones.type = {1, Shape{1, 2, 8, 12}};
    ones.elements.assign(192, 1);
    const HeldByName outputs = run_on_cpu(std::get<std::string>(lowered.parts[1].body), {{"x", ones}});
    EXPECT_THAT(outputs.at("y").elements, ::testing::Contains(13).Times(16));
    EXPECT_THAT(error_of([&] { (void)cut("/nowhere/model.onnx"); }).what(), HasSubstr("weights.bin"));
}

TEST(FusedParts, AnOutputThatIsTheSameForEveryPicture) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string same = model.node("Add", {model.constant({2}, {1, 2}), model.constant({1}, {1})});
    model.output(conv(model, "input", 3, 8));
    model.output(same, 1);
    const Lowered lowered = cut_for(model.bytes(), shape);
    EXPECT_EQ(parts_of(lowered), "Conv1 | Add0");
    EXPECT_TRUE(lowered.parts[1].inputs.empty());
    EXPECT_LT(error_of_parts(model.bytes(), shape), close);
}

TEST(FusedParts, AnOutputThatNothingComputes) {
    ModelMaker model({-1, 3, -1, -1});
    model.output(model.node("Softmax", {conv(model, "input", 3, 8)}, "axis=1"));
    model.output("input");
    EXPECT_TRUE(cut_for(model.bytes(), shape).parts.empty());
}

}  // namespace
}  // namespace millrace::infer::fused
