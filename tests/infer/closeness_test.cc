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
    // An error of 0.01 everywhere is 20 log10(1 / 0.01) = 40 dB; a shade less passes, a shade more does not.
    const Verdict near = verdict_of(model, {0.5F, 0.25F}, {0.5099F, 0.2401F});
    EXPECT_TRUE(near.close);
    EXPECT_EQ(near.text, "40.1 dB of PSNR against fp32 on 1 frame");
    const Verdict far = verdict_of(model, {0.5F, 0.25F}, {0.5101F, 0.2399F});
    EXPECT_FALSE(far.close);
    EXPECT_EQ(far.text, "39.9 dB of PSNR against fp32 on 1 frame");
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
    const ModelDescription vector = description(OutputKind::data, {-1, 3});
    const Verdict near = verdict_of(vector, {10, 9.95F, -2}, {9.92F, 9.96F, -2});
    EXPECT_TRUE(near.close);
    EXPECT_EQ(
        near.text,
        "values off by at most 0.8 % of the largest against fp32 on 1 frame, the highest value the same on 0 of 1");
    EXPECT_FALSE(verdict_of(vector, {10, 0, 0}, {10, 0, 0.2F}).close);
    const ModelDescription map = description(OutputKind::data, {-1, 2, 2});
    EXPECT_EQ(verdict_of(map, {8, 0, 0, 0}, {8, 0, 0, 0.04F}).text,
              "values off by at most 0.5 % of the largest against fp32 on 1 frame");
}

}  // namespace
}  // namespace millrace::infer
