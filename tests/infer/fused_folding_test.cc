// What is folded away or joined: that the nodes are gone, and that the numbers stay.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "infer/fused_models.h"

namespace millrace::infer::fused {
namespace {

constexpr double close = 1e-5;
const Shape shape{1, 3, 7, 9};

/// A net that lowers to so many layers with so many steps each, and computes what ONNX Runtime does.
void expect_layers(const ModelMaker& model, const std::vector<std::size_t>& steps, const Shape& input = shape) {
    EXPECT_LT(error_of_fused(model.bytes(), input), close);
    const Lowered lowered = lower_for(model.bytes(), input);
    ASSERT_NE(lowered.whole(), nullptr);
    std::vector<std::size_t> found;
    for (const Layer& layer : lowered.whole()->layers) found.push_back(layer.pointwise.size());
    EXPECT_EQ(found, steps);
}

std::string normalised(ModelMaker& model, const std::string& input, std::int64_t c) {
    return model.node("BatchNormalization", {input, model.weights_between({c}, 0.5, 1.5), model.weights({c}),
                                             model.weights({c}), model.weights_between({c}, 0.5, 2)});
}

class FusedFolding : public ::testing::Test {
  protected:
    ModelMaker model_{{-1, 3, -1, -1}};
};

TEST_F(FusedFolding, NormalisationsBehindConvolutions) {
    std::string x = normalised(model_, model_.conv("input", 3, 6, 3, "pads=1,1,1,1"), 6);
    x = model_.node("Div",
                    {model_.node("Sub", {x, model_.weights({6, 1, 1})}), model_.weights_between({6, 1, 1}, 1, 2)});
    x = normalised(model_, model_.node("Conv", {x, model_.weights({6, 2, 3, 3})}, "group=3"), 6);
    model_.output(normalised(model_, model_.node("ConvTranspose", {x, model_.weights({6, 2, 2, 2})}, "group=3"), 6));
    expect_layers(model_, {0, 1, 1});  // the first sum went into the second convolution
}

TEST_F(FusedFolding, NormalisationsInFrontOfAConvolutionWithoutPadding) {
    const std::string x = model_.node("Sub", {"input", model_.weights({1, 3, 1, 1})});
    model_.output(model_.conv(model_.node("Div", {x, model_.weights_between({1, 3, 1, 1}, 0.5, 2)}), 3, 5, 3));
    expect_layers(model_, {1});
}

TEST_F(FusedFolding, OnlyProductsGoIntoAConvolutionWithPadding) {
    const std::string x = model_.node("Div", {"input", model_.weights_between({3, 1, 1}, 0.5, 2)});
    model_.output(model_.conv(x, 3, 5, 3, "pads=1,0,0,0"));
    expect_layers(model_, {1});
}

TEST_F(FusedFolding, SumsInFrontOfPaddingStay) {
    const std::string x = model_.node("Mul", {"input", model_.weights_between({3, 1, 1}, 0.5, 2)});
    model_.output(model_.conv(model_.node("Add", {x, model_.weights({3, 1, 1})}), 3, 5, 3, "pads=1,1,1,1"));
    expect_layers(model_, {2, 1});
}

TEST_F(FusedFolding, SumsInFrontOfATransposedConvolutionStayAndProductsGo) {
    std::string x = model_.node("Add", {"input", model_.weights({3, 1, 1})});
    x = model_.node("ConvTranspose", {x, model_.weights({3, 4, 3, 3})}, "strides=2,2");
    x = model_.node("Mul", {model_.node("Relu", {x}), model_.weights({4, 1, 1})});
    model_.output(model_.node("ConvTranspose", {x, model_.weights({4, 3, 2, 2})}));
    expect_layers(model_, {1, 1, 0});
}

TEST_F(FusedFolding, WhatFollowsAnActivationGoesIntoTheNextConvolution) {
    const std::string x = normalised(model_, model_.node("Relu", {model_.conv("input", 3, 8, 3)}), 8);
    model_.output(model_.node("Conv", {x, model_.weights({4, 2, 1, 1})}, "group=4"));
    expect_layers(model_, {2, 1});
}

TEST_F(FusedFolding, ValuesThatOthersReadStay) {
    const std::string x = model_.conv("input", 3, 4, 1);
    const std::string doubled = model_.node("Mul", {x, model_.constant({1}, {2})});
    model_.output(model_.node("Concat", {model_.conv(doubled, 4, 2, 1), x}, "axis=1"));
    expect_layers(model_, {1, 1, 0});
}

TEST_F(FusedFolding, WhatChangesNothingIsGone) {
    std::string x = model_.node("Identity", {model_.node("Cast", {"input"}, "to=10")});
    x = model_.node("Dropout", {model_.node("Cast", {x}, "to=1")});
    x = model_.node("Add", {model_.node("Mul", {x, model_.constant({}, {1})}), model_.constant({3, 1, 1}, {0, 0, 0})});
    model_.output(model_.node("Relu", {x}));
    const Lowered lowered = lower_for(model_.bytes(), shape);
    ASSERT_NE(lowered.whole(), nullptr);
    ASSERT_EQ(lowered.whole()->layers.size(), 1U);
    EXPECT_EQ(lowered.whole()->layers[0].pointwise.size(), 1U);
    EXPECT_EQ(lowered.nodes[0].layer, "") << "a cast is left out";
    EXPECT_EQ(lowered.nodes.back().layer, lowered.whole()->layers[0].name);
}

TEST_F(FusedFolding, ResidualsJoinWhatIsComputedLast) {
    const std::string first = model_.conv("input", 3, 6, 3, "pads=1,1,1,1");
    const std::string skip = model_.node("Relu", {first});
    const std::string second = model_.conv(skip, 6, 6, 3, "pads=1,1,1,1");
    model_.output(model_.node("Relu", {model_.node("Add", {skip, second})}));
    expect_layers(model_, {2, 3});
    const Lowered lowered = lower_for(model_.bytes(), shape);
    ASSERT_EQ(lowered.whole()->layers[1].pointwise.size(), 3U);
    EXPECT_EQ(lowered.whole()->layers[1].pointwise[1].value, lowered.whole()->layers[0].output);
    EXPECT_THAT(lowered.nodes[3].layer, lowered.whole()->layers[1].name);
}

TEST_F(FusedFolding, ResidualsOfTwoBranchesJoinTheLater) {
    const std::string left = model_.conv("input", 3, 4, 1);
    const std::string right = model_.conv("input", 3, 4, 3, "pads=1,1,1,1");
    model_.output(model_.node("Mul", {left, right}));
    expect_layers(model_, {1, 2});
}

TEST_F(FusedFolding, AnOutputKeepsItsLayer) {
    const std::string x = model_.conv("input", 3, 4, 1);
    model_.output(x);
    model_.output(model_.node("Relu", {x}));
    expect_layers(model_, {1, 1});
}

TEST_F(FusedFolding, StepsWithConstantsMoveBeforeAShuffle) {
    for (const char* mode : {"mode=CRD", "mode=DCR"}) {
        ModelMaker model({-1, 3, -1, -1});
        std::string x = model.node("DepthToSpace", {model.conv("input", 3, 20, 1)}, std::string("blocksize=2 ") + mode);
        x = model.node("PRelu", {model.node("Add", {x, model.weights({5, 1, 1})}), model.weights({5, 1, 1})});
        const std::string up = model.node("Resize", {"input", "", model.constant({4}, {1, 1, 2, 2})}, "mode=linear");
        x = model.node("Add", {x, model.conv(up, 3, 5, 1)});
        model.output(x);
        // The last convolution takes the sum, as it comes last.
        expect_layers(model, {2, 0, 0, 2});
    }
}

TEST_F(FusedFolding, AShuffleKeepsStepsWithOtherValues) {
    const std::string up = model_.node("Resize", {"input", "", model_.constant({4}, {1, 1, 2, 2})}, "mode=nearest");
    const std::string x = model_.node("DepthToSpace", {model_.conv("input", 3, 12, 1)}, "blocksize=2");
    model_.output(
        model_.node("Clip", {model_.node("Add", {up, x}), model_.constant({}, {0}), model_.constant({}, {1})}));
    expect_layers(model_, {0, 1, 2});
}

TEST_F(FusedFolding, SiLUIsOneStep) {
    const std::string x = model_.conv("input", 3, 4, 1);
    model_.output(model_.node("Mul", {x, model_.node("Sigmoid", {x})}));
    expect_layers(model_, {2});
    const Lowered lowered = lower_for(model_.bytes(), shape);
    EXPECT_EQ(lowered.whole()->layers[0].pointwise[1].kind, Pointwise::Kind::silu);
    for (const NodeFate& node : lowered.nodes) EXPECT_EQ(node.layer, lowered.whole()->layers[0].name) << node.name;
}

TEST_F(FusedFolding, PaddingJoinsConvolutionsAndMeansButNotMaxima) {
    const auto padded = [&](const std::string& input) {
        return model_.node("Pad", {input, model_.integers({0, 0, 1, 2, 0, 0, 1, 0})});
    };
    std::string x = model_.conv(padded("input"), 3, 4, 3, "pads=0,0,1,1");
    x = model_.node("AveragePool", {padded(x)}, "kernel_shape=3,3");
    // Without negative values, as ONNX Runtime 1.31 pads a maximum's input by minus infinity instead.
    x = model_.node("Relu", {x});
    model_.output(model_.node("MaxPool", {padded(x)}, "kernel_shape=3,3"));
    expect_layers(model_, {1, 1, 0, 0});
}

TEST_F(FusedFolding, DeadNodesAreLeftOut) {
    (void)model_.conv("input", 3, 64, 3);
    model_.output(model_.node("Relu", {"input"}));
    const Lowered lowered = lower_for(model_.bytes(), shape);
    ASSERT_NE(lowered.whole(), nullptr);
    EXPECT_EQ(lowered.whole()->layers.size(), 1U);
    EXPECT_EQ(lowered.nodes[0].layer, "");
    EXPECT_EQ(lowered.nodes[0].reason, "");
}

/// A shape put together by arithmetic that must come out as [1, 3, 14, 36].
TEST_F(FusedFolding, ArithmeticOfShapes) {
    const auto scalar = [&](std::int64_t value) { return model_.scalar_integer(value); };
    const std::string all = model_.node("Shape", {"input"});
    const std::string rows = model_.node("Gather", {all, scalar(2)});
    const std::string columns = model_.node("Gather", {all, scalar(-1)});
    const std::string high = model_.node("Mul", {rows, scalar(2)});
    // (9 - 1) * 9 / 2, as floats with a floor: 36.
    const std::string less = model_.node("Sub", {columns, model_.node("Div", {rows, scalar(5)})});
    const std::string real = model_.node("Cast", {model_.node("Mul", {less, columns})}, "to=1");
    const std::string half = model_.node("Floor", {model_.node("Mul", {real, model_.constant({}, {0.51F})})});
    const std::string wide = model_.node("Cast", {half}, "to=7");
    const std::string front = model_.node("Slice", {all, model_.integers({0}), model_.integers({2})});
    const std::string row = model_.integers({0});
    const std::string size = model_.node(
        "Concat", {front, model_.node("Unsqueeze", {high, row}), model_.node("Unsqueeze", {wide, row})}, "axis=0");
    model_.output(model_.node("Resize", {"input", "", "", size}, "mode=linear"));
    expect_layers(model_, {0});
    const Lowered lowered = lower_for(model_.bytes(), shape);
    EXPECT_EQ(lowered.whole()->values.at(1), (Value{3, 14, 36}));
    for (const NodeFate& node : lowered.nodes) EXPECT_EQ(node.layer.empty(), node.op != "Resize") << node.name;
}

/// Channels 2 and 0 by a Gather of two dimensions, backward by a Slice, added to every pixel.
TEST_F(FusedFolding, PickedWeights) {
    const std::string weights = model_.weights({2, 3, 4});
    const std::string indices = model_.node("Reshape", {model_.integers({-1, 0, 2, 1}), model_.integers({2, 2})});
    const std::string picked = model_.node("Gather", {weights, indices}, "axis=1");  // [2, 2, 2, 4]
    const std::string back = model_.node("Slice", {picked, model_.integers({1, -1, 3}), model_.integers({2, -10, -100}),
                                                   model_.integers({0, 1, 3}), model_.integers({1, -1, -3})});
    // [1, 2, 2, 2]: the first three values as channels.
    const std::string row = model_.node("Reshape", {back, model_.integers({-1, 1, 1})});
    const std::string three =
        model_.node("Slice", {row, model_.integers({2}), model_.integers({5}), model_.integers({0})});
    model_.output(model_.node("Add", {"input", model_.node("Concat", {three}, "axis=0")}));
    expect_layers(model_, {1});
}

TEST_F(FusedFolding, ArithmeticOfWeights) {
    // A matrix the wrong way round, a normalisation written out, a slope that is expanded.
    const std::string matrix = model_.node("Transpose", {model_.weights({5, 3, 1, 1})}, "perm=1,0,2,3");
    const std::string turned = model_.node("Transpose", {matrix}, "perm=1,0,2,3");
    const std::string scale = model_.node("Reciprocal", {model_.node("Sqrt", {model_.weights_between({5}, 1, 2)})});
    const std::string column = model_.node("Reshape", {scale, model_.integers({-1, 1, 1})});
    const std::string zeros = model_.node("ConstantOfShape", {model_.integers({5, 1, 1})});
    const std::string slope = model_.node("Expand", {model_.constant({1}, {0.25F}), model_.node("Shape", {zeros})});
    const std::string x = model_.node("Mul", {model_.node("Conv", {"input", turned}), column});
    model_.output(model_.node("PRelu", {model_.node("Add", {x, zeros}), slope}));
    expect_layers(model_, {1});
}

}  // namespace
}  // namespace millrace::infer::fused
