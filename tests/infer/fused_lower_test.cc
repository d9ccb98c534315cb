// Whole nets, lowered and interpreted, against ONNX Runtime.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>

#include "infer/fused_models.h"
#include "infer/model_fixture.h"
#include "support/error_of.h"

namespace millrace::infer::fused {
namespace {

using millrace::test::error_of;
using ::testing::HasSubstr;

constexpr double close = 1e-5;

std::string made_by_make_models(const std::string& call) {
    const TemporaryFolder folder;
    run_python(
        fmt::format("import sys, pathlib, numpy as np\n"
                    "sys.path.insert(0, '{}/bench/gpu')\n"
                    "import make_models\n"
                    "path = pathlib.Path('{}/model.onnx')\n"
                    "make_models.{}\n",
                    MILLRACE_SOURCE_DIR, folder.path().string(), call));
    return read_all(folder.path() / "model.onnx");
}

TEST(FusedLower, SuperResolutionIsItsConvolutionsAndAPixelShuffle) {
    const std::string model = made_by_make_models("super_resolution(path, np.float32, 16, 5)");
    for (const Shape& shape : {Shape{1, 3, 9, 14}, Shape{3, 3, 1, 1}}) EXPECT_LT(error_of_fused(model, shape), close);
    const Lowered lowered = lower_for(model, {1, 3, 9, 14});
    ASSERT_NE(lowered.whole(), nullptr);
    ASSERT_EQ(lowered.whole()->layers.size(), 6U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(lowered.whole()->layers[i].pointwise.size(), 2U) << "bias and PRelu";
    EXPECT_EQ(lowered.whole()->layers[4].pointwise.size(), 1U) << "bias and the constant behind it in one";
    EXPECT_TRUE(std::holds_alternative<DepthToSpace>(lowered.whole()->layers[5].root));
    EXPECT_TRUE(lowered.whole()->layers[5].pointwise.empty());
}

TEST(FusedLower, HalfWeightsAreThoseOfFloat32Rounded) {
    const Lowered whole = lower_for(made_by_make_models("super_resolution(path, np.float32, 16, 5)"), {1, 3, 9, 14});
    const Lowered half = lower_for(made_by_make_models("super_resolution(path, np.float16, 16, 5)"), {1, 3, 9, 14});
    ASSERT_TRUE(whole.whole() != nullptr && half.whole() != nullptr);
    ASSERT_EQ(half.whole()->layers.size(), 6U);
    EXPECT_EQ(half.whole()->inputs.at(0).name, "input");
    EXPECT_EQ(half.whole()->outputs.at(0).name, "output");
    for (std::size_t i = 0; i < 5; ++i) {
        const auto& exact = std::get<Convolution>(whole.whole()->layers[i].root).weights;
        const auto& rounded = std::get<Convolution>(half.whole()->layers[i].root).weights;
        ASSERT_EQ(exact.size(), rounded.size());
        for (std::size_t at = 0; at < exact.size(); ++at) {
            ASSERT_NEAR(rounded[at], exact[at], std::abs(exact[at]) / 2048 + 1e-7);
        }
    }
}

TEST(FusedLower, WeightsBesideTheModel) {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "model.onnx";
    run_python(
        fmt::format("import sys\nsys.path.insert(0, '{}/tests/infer')\nimport half_models\nhalf_models.external('{}')",
                    MILLRACE_SOURCE_DIR, path));
    const std::string bytes = read_all(path);
    const auto lowered = [&] { return lower(std::as_bytes(std::span(bytes)), path, {{"input", {1, 3, 8, 8}}}); };
    const Lowered whole = lowered();
    ASSERT_NE(whole.whole(), nullptr);
    const auto& weights = std::get<Convolution>(whole.whole()->layers.at(0).root).weights;
    EXPECT_TRUE(std::ranges::any_of(weights, [](float one) { return one != 0; }));
    std::filesystem::remove(folder.path() / "weights.bin");
    EXPECT_THAT(error_of([&] { (void)lowered(); }).what(), HasSubstr("weights.bin"));
}

std::size_t layers_of(const std::string& model, const Shape& shape) {
    const Lowered lowered = lower_for(model, shape);
    return lowered.whole() != nullptr ? lowered.whole()->layers.size() : 0;
}

TEST(FusedLower, ResNetIsItsConvolutionsAndTwoPools) {
    // At other sizes than it declares.
    const std::string model = made_by_make_models(
        "resnet50(path, np.float32)\n"
        "import onnx\n"
        "model = onnx.load(path)\n"
        "for at in 2, 3: model.graph.input[0].type.tensor_type.shape.dim[at].dim_param = 'size'\n"
        "onnx.save(model, path)");
    EXPECT_LT(error_of_fused(model, {1, 3, 17, 20}), close);
    const Lowered lowered = lower_for(model, {1, 3, 17, 20});
    ASSERT_NE(lowered.whole(), nullptr);
    EXPECT_EQ(lowered.whole()->layers.size(), 53U + 2U + 1U) << "convolutions, pools, the product at the end";
    int sums = 0;
    for (const Layer& layer : lowered.whole()->layers) {
        EXPECT_FALSE(std::holds_alternative<Identity>(layer.root)) << layer.name;
        for (const Pointwise& step : layer.pointwise) sums += step.value >= 0 ? 1 : 0;
    }
    EXPECT_EQ(sums, 16);
}

/// As PyTorch exports it with free height and width: the shuffle by shapes that it computes.
std::string pixel_shuffle(ModelMaker& model, const std::string& input, std::int64_t block) {
    const auto extent = [&](std::int64_t axis) {
        const std::string shape = model.node("Shape", {input});
        const std::string one = model.node("Gather", {shape, model.scalar_integer(axis)}, "axis=0");
        return model.node("Cast", {one}, "to=7");
    };
    const auto row = [&](const std::string& scalar) { return model.node("Unsqueeze", {scalar, model.integers({0})}); };
    const std::string by = model.scalar_integer(block);
    const std::string channels = model.node("Div", {extent(1), model.scalar_integer(block * block)});
    const std::string apart = model.node(
        "Concat", {row(extent(0)), row(channels), row(by), row(by), row(extent(2)), row(extent(3))}, "axis=0");
    const std::string turned = model.node("Transpose", {model.node("Reshape", {input, apart})}, "perm=0,1,4,2,5,3");
    const std::string together = model.node("Concat",
                                            {row(extent(0)), row(channels), row(model.node("Mul", {extent(2), by})),
                                             row(model.node("Mul", {extent(3), by}))},
                                            "axis=0");
    return model.node("Reshape", {turned, together});
}

TEST(FusedLower, PixelShuffleAsPyTorchExportsIt) {
    ModelMaker model({-1, 1, -1, -1});
    std::string x = model.node("Tanh", {model.conv("input", 1, 16, 5, "pads=2,2,2,2")});
    x = model.conv(x, 16, 9, 3, "pads=1,1,1,1");
    const std::string low = model.constant({}, {0});
    model.output(model.node("Clip", {pixel_shuffle(model, x, 3), low, model.constant({}, {1})}));
    for (const Shape& shape : {Shape{1, 1, 8, 6}, Shape{3, 1, 1, 1}, Shape{1, 1, 1, 7}}) {
        EXPECT_LT(error_of_fused(model.bytes(), shape), close);
        EXPECT_EQ(layers_of(model.bytes(), shape), 3U);
    }
    const Lowered lowered = lower_for(model.bytes(), {1, 1, 8, 6});
    EXPECT_EQ(lowered.whole()->layers[1].pointwise.size(), 2U) << "the bias, and the limits from behind the shuffle";
    EXPECT_EQ(lowered.nodes.back().layer, lowered.whole()->layers[1].name);
}

std::string block(ModelMaker& model, const std::string& input, int in, int out) {
    const std::int64_t c = out;
    const std::string filter = model.weights({c, in, 3, 3}, 1 / std::sqrt(9.0 * in));
    const std::string conv = model.node("Conv", {input, filter}, "pads=1,1,1,1");
    return model.node("Relu",
                      {model.node("BatchNormalization", {conv, model.weights_between({c}, 0.5, 1.5), model.weights({c}),
                                                         model.weights({c}), model.weights_between({c}, 0.5, 2)})});
}

TEST(FusedLower, UNet) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string first = block(model, "input", 3, 8);
    const std::string second = block(model, model.node("MaxPool", {first}, "kernel_shape=2,2 strides=2,2"), 8, 16);
    const std::string third = block(model, model.node("MaxPool", {second}, "kernel_shape=2,2 strides=2,2"), 16, 24);
    // One step up by a transposed convolution, one to the size of what it meets there.
    std::string x = model.node("ConvTranspose", {third, model.weights({24, 16, 2, 2}, 0.2)}, "strides=2,2");
    x = block(model, model.node("Concat", {second, x}, "axis=1"), 32, 8);
    const std::string shape = model.node("Shape", {first});
    const std::string size =
        model.node("Slice", {shape, model.integers({2}), model.integers({4}), model.integers({0})});
    const std::string all = model.node(
        "Concat", {model.node("Slice", {model.node("Shape", {x}), model.integers({0}), model.integers({2})}), size},
        "axis=0");
    x = model.node("Resize", {x, "", "", all}, "mode=linear coordinate_transformation_mode=pytorch_half_pixel");
    x = block(model, model.node("Concat", {x, first}, "axis=1"), 16, 8);
    model.output(model.node("Sigmoid", {model.conv(x, 8, 1, 1)}));
    EXPECT_LT(error_of_fused(model.bytes(), {1, 3, 12, 20}), close);
    EXPECT_LT(error_of_fused(model.bytes(), {3, 3, 4, 8}), close);
    const Lowered lowered = lower_for(model.bytes(), {1, 3, 12, 20});
    ASSERT_NE(lowered.whole(), nullptr);
    EXPECT_EQ(lowered.whole()->layers.size(), 7U + 2U + 2U);
    const Layer& last = lowered.whole()->layers.at(8);
    ASSERT_TRUE(std::holds_alternative<Concat>(last.root)) << "which resizes one of its inputs";
    const auto& resizes = std::get<Concat>(last.root).resizes;
    ASSERT_EQ(resizes.size(), 2U);
    EXPECT_TRUE(resizes[0].has_value() && !resizes[1].has_value());
    EXPECT_EQ(lowered.whole()->values.at(static_cast<std::size_t>(last.inputs[0])), (Value{8, 6, 10}));
}

TEST(FusedLower, AResizingThatOthersReadTooStaysApart) {
    const auto model_of = [](const auto& add) {
        ModelMaker model({-1, 3, -1, -1});
        const std::string scales = model.constant({4}, {1, 1, 2, 2});
        const std::string wide = model.node("Resize", {model.conv("input", 3, 4, 1), "", scales}, "mode=linear");
        const std::string other = model.conv(model.node("Resize", {"input", "", scales}), 3, 2, 1);
        model.output(add(model, model.node("Concat", {wide, other, wide}, "axis=1"), wide));
        return model.bytes();
    };
    const auto twice = model_of([](auto& /*model*/, const std::string& joined, auto&) { return joined; });
    const auto summed = model_of([](auto& model, const std::string& joined, const std::string& wide) {
        return model.node("Concat", {joined, model.node("Relu", {wide})}, "axis=1");
    });
    for (const std::string& model : {twice, summed}) {
        EXPECT_LT(error_of_fused(model, {2, 3, 5, 4}), close);
        const Lowered lowered = lower_for(model, {2, 3, 5, 4});
        ASSERT_NE(lowered.whole(), nullptr);
        for (const Layer& layer : lowered.whole()->layers) {
            const auto* join = std::get_if<Concat>(&layer.root);
            EXPECT_TRUE(join == nullptr || join->resizes.empty());
        }
    }
}

TEST(FusedLower, SmallClassifierWithAttentionByChannels) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.node("HardSwish", {model.conv("input", 3, 16, 3, "strides=2,2 pads=1,1,1,1")});
    x = model.node("Conv", {x, model.weights({16, 1, 3, 3})}, "group=16 pads=1,1,1,1");
    std::string scale = model.node("ReduceMean", {x}, "axes=2,3 keepdims=0");
    scale = model.node("Relu", {model.node("Gemm", {scale, model.weights({4, 16}), model.weights({4})}, "transB=1")});
    scale = model.node("Sigmoid", {model.node("MatMul", {scale, model.weights({4, 16})})});
    x = model.node("Mul", {x, model.node("Unsqueeze", {scale, model.integers({2, 3})})});
    x = model.node("Flatten", {model.node("GlobalAveragePool", {x})});
    model.output(
        model.node("Gemm", {model.node("Dropout", {x}), model.weights({10, 16}), model.weights({10})}, "transB=1"), 2);
    EXPECT_LT(error_of_fused(model.bytes(), {1, 3, 17, 12}), close);
    EXPECT_LT(error_of_fused(model.bytes(), {3, 3, 1, 1}), close);
}

TEST(FusedLower, TwoThousandChannels) {
    ModelMaker model({-1, 1, -1, -1});
    std::string x = model.node("PRelu", {model.conv("input", 1, 2000, 1), model.weights({2000, 1, 1})});
    x = model.node("Add", {x, model.weights({1, 2000, 1, 1})});
    model.output(model.conv(model.node("GlobalAveragePool", {x}), 2000, 3, 1));
    EXPECT_LT(error_of_fused(model.bytes(), {1, 1, 3, 4}), close);
    EXPECT_EQ(layers_of(model.bytes(), {1, 1, 3, 4}), 3U);
}

TEST(FusedLower, SeveralOutputsOneOfThemReadInside) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string inner = model.node("Relu", {model.conv("input", 3, 8, 3)});
    model.output(inner);
    model.output(model.node("Sigmoid", {inner}));
    model.output(model.node("Identity", {"input"}));
    EXPECT_LT(error_of_fused(model.bytes(), {1, 3, 6, 5}), close);
    const Lowered lowered = lower_for(model.bytes(), {1, 3, 6, 5});
    ASSERT_EQ(lowered.whole()->layers.size(), 3U);
    EXPECT_EQ(lowered.whole()->outputs[0].value, lowered.whole()->layers[0].output) << "the sigmoid stays apart";
    EXPECT_TRUE(lowered.whole()->layers[2].pointwise.empty()) << "an input as an output is copied";
}

TEST(FusedLower, WholeNetsOfOthers) {
    const std::string folder = run_python(
        "import onnx, os\nprint(os.path.join(os.path.dirname(onnx.__file__), 'backend/test/data/light'), end='')");
    const auto lowered = [&](const std::string& name, const std::string& input) {
        const std::string bytes = read_all(folder + "/light_" + name + ".onnx");
        return lower(std::as_bytes(std::span(bytes)), name, {{input, {1, 3, 224, 224}}}, infer_types);
    };
    const Lowered densenet = lowered("densenet121", "data_0");
    ASSERT_NE(densenet.whole(), nullptr);
    EXPECT_EQ(densenet.whole()->values.at(static_cast<std::size_t>(densenet.whole()->outputs[0].value)),
              (Value{1000, 1, 1}));
    // 120 convolutions and a product; 58 concatenations, 5 pools, and the normalisations that cannot join anything.
    EXPECT_EQ(densenet.whole()->layers.size(), 242U);
    // Channels are shuffled by reshaping and transposing.
    for (const auto& [name, input] : {std::pair("shufflenet", "gpu_0/data_0"), std::pair("inception_v2", "data_0"),
                                      std::pair("resnet50", "gpu_0/data_0"), std::pair("squeezenet", "data_0")}) {
        const Lowered net = lowered(name, input);
        ASSERT_EQ(net.parts.size(), 2U) << "the last node is the runtime's";
        EXPECT_TRUE(net.parts[0].is_fused());
        EXPECT_EQ(net.parts[1].nodes, 1);
        EXPECT_EQ(net.parts[1].outputs.at(0).type.shape->at(1), 1000);
        for (const NodeFate& node : net.nodes) {
            EXPECT_EQ(node.reason, node.op == "Softmax" ? "Softmax is not among what is fused" : "")
                << name << node.name;
        }
    }
}

}  // namespace
}  // namespace millrace::infer::fused
