// float32 models made float16. The judges are onnxruntime on the original, and its own converter beside ours.

#include "infer/graph/half.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "core/half.h"
#include "infer/model_fixture.h"
#include "infer/session.h"
#include "support/error_of.h"

namespace millrace::infer::graph {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string python_of(const std::string& arguments) {
    return run_python(
        fmt::format("import sys\n"
                    "sys.path.insert(0, '{}/tests/infer')\n"
                    "sys.path.insert(0, '{}/bench/gpu')\n"
                    "{}\n",
                    MILLRACE_SOURCE_DIR, MILLRACE_SOURCE_DIR, arguments));
}

struct Verdict {
    double ours = 0;       ///< dB against the original
    double reference = 0;  ///< of onnxruntime's converter; 0: its result does not load
    int casts = 0;
    int half_weights = 0;
    int float_weights = 0;
    int zeros = 0;  ///< values of float16 weights; that all are finite is asserted on the way
};

/// A model of half_models.py, converted and judged.
class Converted {
  public:
    explicit Converted(const std::string& name) {
        python_of(fmt::format("import half_models\nhalf_models.{}({:?})", name, original()));
        model = to_half();
    }

    [[nodiscard]] std::string original() const { return folder_.path() / "model.onnx"; }
    [[nodiscard]] HalfModel to_half() const { return file_to_half(original()); }

    [[nodiscard]] Verdict judge() const { return judge_of(original()); }
    [[nodiscard]] Verdict judge_of(const std::string& file) const {
        const std::string written = folder_.write("half.onnx", model.bytes);
        std::istringstream printed(
            python_of(fmt::format("import half_models\nhalf_models.judge({:?}, {:?})", file, written)));
        Verdict verdict;
        printed >> verdict.ours >> verdict.reference >> verdict.casts >> verdict.half_weights >>
            verdict.float_weights >> verdict.zeros;
        return verdict;
    }

    HalfModel model;

  private:
    TemporaryFolder folder_;
};

/// Roundings by 2^-11 at some ten places leave 60 dB and more.
constexpr double close = 55;

TEST(Half, ValuesAreThereInBothPrecisionsWhereBothAreNeeded) {
    const Converted skip("skip");
    EXPECT_EQ(skip.model.all_nodes, 5);
    EXPECT_EQ(skip.model.half_nodes, 4);  // not the exponential
    EXPECT_TRUE(skip.model.notes.empty());
    const Verdict verdict = skip.judge();
    EXPECT_GT(verdict.ours, close);
    EXPECT_GT(verdict.ours, verdict.reference - 1);
    EXPECT_EQ(verdict.casts, 4);  // the input, what the exponential reads and gives, the output
    EXPECT_EQ(verdict.half_weights, 1);
    EXPECT_EQ(verdict.float_weights, 0);
}

TEST(Half, ConstantsAreRoundedIntoItsRange) {
    const Converted constants("constants");
    EXPECT_EQ(constants.model.half_nodes, 5);
    ASSERT_EQ(constants.model.notes.size(), 1U);
    EXPECT_THAT(constants.model.notes[0], AllOf(HasSubstr("2 constants"), HasSubstr("65504")));
    const Verdict verdict = constants.judge();
    EXPECT_GT(verdict.ours, close);
    EXPECT_EQ(verdict.half_weights, 5);  // w, epsilon, both limits, the gain
    EXPECT_EQ(verdict.zeros, 0) << "the epsilon";
    EXPECT_EQ(verdict.float_weights, 1) << "the gain, for the power; the limits are gone";
}

TEST(Half, WeightsBeyondItsRangeKeepTheirNodeInFloat32) {
    const Converted huge("huge_weights");
    EXPECT_EQ(huge.model.half_nodes, 1);
    ASSERT_EQ(huge.model.notes.size(), 1U);
    EXPECT_THAT(huge.model.notes[0], HasSubstr("1 nodes of model"));
    EXPECT_GT(huge.judge().ours, close);
}

TEST(Half, ArithmeticOfShapesStaysInFloat32) {
    const Converted shapes("shapes");
    EXPECT_EQ(shapes.model.half_nodes, 2);  // the convolution and the resize
    const Verdict verdict = shapes.judge();
    EXPECT_GT(verdict.ours, close);
    EXPECT_GT(verdict.ours, verdict.reference - 1);
    EXPECT_EQ(verdict.float_weights, 1);
}

TEST(Half, SubgraphsSeeFloat32) {
    const Converted branches("branches");
    EXPECT_EQ(branches.model.half_nodes, 3);  // both convolutions and the maximum
    EXPECT_GT(branches.judge().ours, close);
    const Converted loop("loop");
    EXPECT_EQ(loop.model.half_nodes, 2);
    EXPECT_GT(loop.judge().ours, close);
}

TEST(Half, NodesWithSeveralOutputs) {
    const Converted several("several");
    EXPECT_EQ(several.model.half_nodes, 5);  // not the pool that gives places, nor what comes of them
    EXPECT_GT(several.judge().ours, close);
}

TEST(Half, ExternalDataComeInside) {
    Converted external("external");
    EXPECT_GT(external.judge().ours, close);
    const std::filesystem::path data = std::filesystem::path(external.original()).replace_filename("weights.bin");
    std::filesystem::resize_file(data, 100);
    const core::Error error = error_of([&] { (void)external.to_half(); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("weights.bin"), HasSubstr("'w'"), HasSubstr("324 bytes")));
}

TEST(Half, WhatItCannotDoIsRefused) {
    const core::Error quantised = error_of([] { Converted("quantised"); });
    EXPECT_EQ(quantised.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(quantised.what(), HasSubstr("is quantised (QuantizeLinear)"));
    EXPECT_THAT(error_of([] { Converted("old"); }).what(), HasSubstr("uses operator set 6; export it with 7 or later"));
    const auto path = [](const char* name) { return std::string(MILLRACE_TEST_MODELS) + "/" + name; };
    EXPECT_THAT(error_of([&] { (void)file_to_half(path("not_onnx.onnx")); }).what(), HasSubstr("not an ONNX file"));
    EXPECT_THAT(error_of([&] { (void)file_to_half(path("missing.onnx")); }).what(), HasSubstr("cannot be read"));
}

TEST(Half, NothingIsDoneWhereNothingIsHeavy) {
    for (const char* name : {"identity", "scale_half", "linear2x", "fp16_identity", "mean_rgb", "nan_maker"}) {
        const HalfModel model = file_to_half(fmt::format("{}/{}.onnx", MILLRACE_TEST_MODELS, name));
        EXPECT_EQ(model.half_nodes, 0) << name;
        EXPECT_TRUE(model.bytes.empty()) << name;
    }
}

TEST(Half, NetworksAreAsCloseAsOnnxruntimesOwnConversion) {
    const TemporaryFolder folder;
    const std::string net = folder.path() / "net.onnx";
    python_of(
        fmt::format("import numpy as np, make_models, pathlib\n"
                    "make_models.super_resolution(pathlib.Path({:?}), np.float32, 16, 6)",
                    net));
    for (const std::string& file : {net, std::string(MILLRACE_SOURCE_DIR) + "/models/upscale2x.onnx",
                                    std::string(MILLRACE_SOURCE_DIR) + "/models/shot_change.onnx",
                                    std::string(MILLRACE_TEST_MODELS) + "/conv_rf.onnx",
                                    std::string(MILLRACE_TEST_MODELS) + "/classifier.onnx"}) {
        Converted converted("skip");
        converted.model = file_to_half(file);
        const Verdict verdict = converted.judge_of(file);
        std::cout << file << ": " << verdict.ours << " dB, onnxruntime's converter " << verdict.reference << " dB, "
                  << verdict.casts << " casts, " << converted.model.half_nodes << " of " << converted.model.all_nodes
                  << " nodes\n";
        EXPECT_GT(verdict.ours, close) << file;
        EXPECT_GT(verdict.ours, verdict.reference - 1) << file;
    }
}

TEST(Half, OnTheCpuASessionRefusesIt) {
    ModelRequest request = test_request("conv_rf.onnx");
    const ModelDescription model = describe_model(request);
    request.weights = Weights::fp16;
    const core::Error error = error_of([&] { (void)make_session(request, model, {32, 18}); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("for a GPU"));
}

}  // namespace
}  // namespace millrace::infer::graph
