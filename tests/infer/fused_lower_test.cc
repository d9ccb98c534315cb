// Whole nets, lowered and interpreted, against ONNX Runtime.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/fused_models.h"
#include "infer/model_fixture.h"

namespace millrace::infer::fused {
namespace {

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
    ASSERT_TRUE(lowered.net.has_value());
    ASSERT_EQ(lowered.net->layers.size(), 6U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(lowered.net->layers[i].pointwise.size(), 2U) << "bias and PRelu";
    EXPECT_EQ(lowered.net->layers[4].pointwise.size(), 1U) << "bias and the constant behind it in one";
    EXPECT_TRUE(std::holds_alternative<DepthToSpace>(lowered.net->layers[5].root));
    EXPECT_TRUE(lowered.net->layers[5].pointwise.empty());
}

TEST(FusedLower, HalfWeights) {
    const Lowered lowered = lower_for(made_by_make_models("super_resolution(path, np.float16, 16, 5)"), {1, 3, 9, 14});
    ASSERT_TRUE(lowered.net.has_value());
    EXPECT_EQ(lowered.net->layers.size(), 6U);
    EXPECT_EQ(lowered.net->inputs.at(0).name, "input");
    EXPECT_EQ(lowered.net->outputs.at(0).name, "output");
}

}  // namespace
}  // namespace millrace::infer::fused
