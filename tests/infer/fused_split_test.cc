// Layers that are too long for one pass.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "infer/fused/layer_table.h"
#include "infer/fused/split.h"
#include "infer/fused_models.h"

namespace millrace::infer::fused {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr Value size{8, 4, 6};

/// Of one layer, "wide", that joins so many values, and then adds so many.
Draft layer_of(int inputs, int steps) {
    Draft draft;
    DraftLayer each;
    each.layer.name = "wide";
    each.layer.root = Concat();
    for (int i = 0; i < inputs; ++i) each.layer.inputs.push_back(draft.add_value(size));
    each.layer.output = draft.add_value({8 * inputs, size.height, size.width});
    for (int i = 0; i < steps; ++i) each.layer.pointwise.push_back({.constants = {static_cast<float>(i)}});
    draft.layers.push_back(std::move(each));
    return draft;
}

/// The numbers of inputs, or of steps, of all layers.
std::vector<std::size_t> inputs_of(const Draft& draft) {
    std::vector<std::size_t> counts;
    for (const DraftLayer& each : draft.layers) counts.push_back(each.layer.inputs.size());
    return counts;
}

std::vector<std::size_t> steps_of(const Draft& draft) {
    std::vector<std::size_t> counts;
    for (const DraftLayer& each : draft.layers) counts.push_back(each.layer.pointwise.size());
    return counts;
}

TEST(FusedSplit, WhatFitsStaysAsItIs) {
    Draft draft = layer_of(8, 8);
    split_layers(draft);
    EXPECT_THAT(draft.layers, SizeIs(1));
}

TEST(FusedSplit, AsFewValuesAsPossibleAreWrittenTwice) {
    const std::vector<std::pair<int, std::vector<std::size_t>>> cases{
        {9, {2, 8}}, {12, {5, 8}}, {15, {8, 8}}, {16, {8, 2, 8}}, {40, {8, 8, 8, 8, 5, 8}}};
    for (const auto& [inputs, expected] : cases) {
        Draft draft = layer_of(inputs, 1);
        split_layers(draft);
        EXPECT_EQ(inputs_of(draft), expected);
        EXPECT_EQ(draft.layers.back().layer.pointwise.size(), 1U) << "steps come once, at the end";
        EXPECT_EQ(draft.layers.back().layer.output, inputs);
        EXPECT_EQ(draft.value(draft.layers.front().layer.output).channels, 8 * static_cast<int>(expected.front()));
    }
}

TEST(FusedSplit, StepsGoOnInTheirOrder) {
    Draft draft = layer_of(12, 20);
    split_layers(draft);
    EXPECT_THAT(inputs_of(draft), ElementsAre(5, 8, 1, 1));
    EXPECT_THAT(steps_of(draft), ElementsAre(0, 8, 8, 4));
    float next = 0;
    for (const DraftLayer& each : draft.layers) {
        EXPECT_EQ(each.layer.name, "wide");
        for (const Pointwise& step : each.layer.pointwise) EXPECT_EQ(step.constants.at(0), next++);
    }
    EXPECT_EQ(draft.layers.back().layer.output, 12);
}

TEST(FusedSplit, ResizesStayWithTheirInputs) {
    Draft draft = layer_of(10, 0);
    const auto& resizes = std::get<Concat>(draft.layers[0].layer.root).resizes = {
        std::nullopt, Resize{},     std::nullopt, Resize{.kind = Resize::Kind::bilinear},
        std::nullopt, std::nullopt, std::nullopt, std::nullopt,
        std::nullopt, Resize{}};
    ASSERT_THAT(resizes, SizeIs(10));
    split_layers(draft);
    ASSERT_THAT(inputs_of(draft), ElementsAre(3, 8));
    const auto resized = [&](std::size_t layer) {
        std::vector<bool> is;
        for (const auto& one : std::get<Concat>(draft.layers[layer].layer.root).resizes) is.push_back(one.has_value());
        return is;
    };
    EXPECT_THAT(resized(0), ElementsAre(false, true, false));
    EXPECT_THAT(resized(1), ElementsAre(false, true, false, false, false, false, false, true));
}

TEST(FusedSplit, TheTableHasOneRowForAll) {
    ModelMaker model({-1, 3, -1, -1});
    std::vector<std::string> values;
    for (int i = 0; i < 12; ++i) values.push_back(model.conv("input", 3, 64, 3, "pads=1,1,1,1"));
    model.output(model.conv(model.node("Concat", values, "axis=1"), 768, 3, 1));
    const Lowered lowered = lower_for(model.bytes(), {1, 3, 8, 12});
    ASSERT_NE(lowered.whole(), nullptr);
    EXPECT_THAT(lowered.whole()->layers, SizeIs(15)) << "two for one of the nodes";
    EXPECT_THAT(layer_table(lowered).rows, SizeIs(14));
}

}  // namespace
}  // namespace millrace::infer::fused
