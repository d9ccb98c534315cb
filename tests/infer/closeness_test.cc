// What counts as the same result of another way of running.

#include "infer/closeness.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::infer {
namespace {

/// A description with one float output a frame.
ModelDescription description(OutputKind kind, std::vector<std::int64_t> shape) {
    ModelDescription model;
    model.output = kind;
    model.outputs.push_back({"output", {core::DType::float32, std::move(shape)}});
    return model;
}

Verdict verdict_of(const ModelDescription& model, const std::vector<float>& expected, const std::vector<float>& found) {
    const std::vector<Results> left{{expected}};
    const std::vector<Results> right{{found}};
    return judge(model, left, right, "fp32 on 1 frame");
}

TEST(Closeness, PicturesAreJudgedByTheirPsnr) {
    ModelDescription model = description(OutputKind::picture, {-1, 3, -1, -1});
    // An error of e everywhere is 20 log10(1 / e): 50 dB at 0.00316; a shade less passes, a shade more does not.
    const Verdict near = verdict_of(model, {0.5F, 0.25F}, {0.50312F, 0.24688F});
    EXPECT_TRUE(near.close);
    EXPECT_EQ(near.text, "50.1 dB of PSNR against fp32 on 1 frame");
    EXPECT_NEAR(near.numbers.at("decibels"), 50.117, 0.001);
    const Verdict far = verdict_of(model, {0.5F, 0.25F}, {0.5032F, 0.2468F});
    EXPECT_FALSE(far.close);
    EXPECT_EQ(far.text, "49.9 dB of PSNR against fp32 on 1 frame");
    model.range = 255;
    EXPECT_EQ(verdict_of(model, {100, 100}, {100, 102}).text, "45.1 dB of PSNR against fp32 on 1 frame");
    EXPECT_EQ(verdict_of(model, {100, 100}, {100, 100}).text, "equal to fp32 on 1 frame");
}

TEST(Closeness, WhatIsNoNumberIsFarFromOne) {
    const ModelDescription model = description(OutputKind::picture, {-1, 3, -1, -1});
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(verdict_of(model, {0.5F}, {nan}).close);
    EXPECT_FALSE(verdict_of(model, {0.5F}, {infinity}).close);
    EXPECT_TRUE(verdict_of(model, {nan, infinity, 0.5F}, {nan, infinity, 0.5F}).close);
}

TEST(Closeness, DataAreJudgedByTheLargestError) {
    const ModelDescription map = description(OutputKind::data, {-1, 2, 2});
    const Verdict near = verdict_of(map, {8, 0, 0, 0}, {8, 0, 0, 0.04F});
    EXPECT_TRUE(near.close);
    EXPECT_EQ(near.text, "values off by at most 0.5 % of the largest against fp32 on 1 frame");
    EXPECT_NEAR(near.numbers.at("error"), 0.005, 1e-6);
    EXPECT_FALSE(verdict_of(map, {8, 0, 0, 0}, {8, 0, 0, 0.1F}).close);
    EXPECT_FALSE(verdict_of(description(OutputKind::data, {-1, 1}), {8}, {8.1F}).close) << "one value is no class";
}

TEST(Closeness, ClassifiersAreJudgedByTheirHighestValue) {
    const ModelDescription classes = description(OutputKind::data, {-1, 3});
    EXPECT_TRUE(is_classifier(classes));
    const Verdict near = verdict_of(classes, {10, 9, -2}, {9, 8, -2});
    EXPECT_TRUE(near.close) << "scores may be off, as long as the order of the first is not";
    EXPECT_EQ(
        near.text,
        "values off by at most 10 % of the largest against fp32 on 1 frame, the highest value the same on 1 of 1");
    EXPECT_FALSE(verdict_of(classes, {10, 9.95F, -2}, {9.92F, 9.96F, -2}).close);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(verdict_of(classes, {10, 9, -2}, {nan, nan, nan}).close);

    // One of 200 is half a percent.
    std::vector<Results> expected(200, Results{{1, 0, 0}});
    std::vector<Results> found = expected;
    found[7] = {{0, 1, 0}};
    const Verdict one = judge(classes, expected, found, "fp32");
    EXPECT_TRUE(one.close);
    EXPECT_EQ(one.numbers.at("same"), 199);
    EXPECT_EQ(one.numbers.at("samples"), 200);
    found[8] = {{0, 1, 0}};
    EXPECT_FALSE(judge(classes, expected, found, "fp32").close);
}

TEST(Closeness, EachSampleOfABatchHasItsHighestValue) {
    const ModelDescription classes = description(OutputKind::data, {-1, 3});
    const Verdict verdict = verdict_of(classes, {1, 0, 0, 0, 9, 0}, {0, 1, 0, 0, 9, 0});
    EXPECT_FALSE(verdict.close);
    EXPECT_EQ(verdict.numbers.at("same"), 1);
    EXPECT_EQ(verdict.numbers.at("samples"), 2);
}

TEST(Closeness, WhatElseAClassifierGivesIsData) {
    ModelDescription model = description(OutputKind::data, {-1, 2});
    model.outputs.push_back({"features", {core::DType::float32, {-1, 1}}});
    const std::vector<Results> expected{{{1, 0}, {100}}};
    EXPECT_TRUE(judge(model, expected, std::vector<Results>{{{0.9F, 0}, {99.5F}}}, "fp32").close);
    EXPECT_FALSE(judge(model, expected, std::vector<Results>{{{1, 0}, {98}}}, "fp32").close);
}

}  // namespace
}  // namespace millrace::infer
