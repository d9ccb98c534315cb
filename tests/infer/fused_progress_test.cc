// How far choosing plans is, as it is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "infer/fused/plan_progress.h"
#include "infer/fused_parts.h"

namespace millrace::infer::fused {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(FusedPlanProgress, RisesToTheNumberOfLayersThatNeedPlansInAllParts) {
    ModelMaker model({-1, 3, -1, -1});
    std::string x = model.conv("input", 3, 16, 3, "pads=1,1,1,1");
    x = model.node("Conv", {x, model.weights({16, 1, 3, 3})}, "group=16 pads=1,1,1,1");
    x = model.node("MaxPool", {model.conv(x, 16, 8, 3)}, "kernel_shape=2,2");
    x = model.node("Softmax", {x}, "axis=1");
    model.output(model.node("Relu", {model.conv(x, 8, 8, 3)}));
    const Lowered lowered = cut_for(model.bytes(), {1, 3, 12, 12});
    ASSERT_EQ(lowered.parts.size(), 3U);
    std::vector<std::pair<int, int>> told;
    PlanProgress progress(lowered.parts, [&](int done, int total) { told.emplace_back(done, total); });
    int layers = 0;
    for (const Part& part : lowered.parts) {
        const auto* net = std::get_if<Net>(&part.body);
        if (net == nullptr) continue;
        layers += static_cast<int>(net->layers.size());
        for (const Layer& layer : net->layers) {
            if (needs_plan(*net, layer)) progress.count();
        }
    }
    EXPECT_EQ(layers, 5);
    EXPECT_THAT(told, ElementsAre(Pair(0, 3), Pair(1, 3), Pair(2, 3), Pair(3, 3)));
    PlanProgress(lowered.parts, {}).count();
}

}  // namespace
}  // namespace millrace::infer::fused
