// What a report says of a model in parts.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "infer/fused/summary.h"
#include "infer/fused/trace.h"

namespace millrace::infer::fused {
namespace {

Lowered lowered_of(const std::vector<NodeFate>& nodes, int fused, int left) {
    Lowered lowered;
    lowered.nodes = nodes;
    for (int i = 0; i < std::max(fused, left); ++i) {
        if (i < fused) lowered.parts.push_back({{}, {}, Net(), 0});
        if (i < left) lowered.parts.push_back({{}, {}, std::string(), 0});
    }
    return lowered;
}

TEST(FusedSummary, NamesTheFirstNodeThatCannotBeFused) {
    const NodeFate conv{"c", "Conv", "", "c"};
    const NodeFate beside{"r", "Relu", std::string(not_worth), ""};
    const NodeFate turn{"t", "Reshape", std::string(between), ""};
    const NodeFate soft{"s", "Softmax", "Softmax is not among what is fused", ""};
    const NodeFate elu{"e", "Elu", "Elu is not among what is fused", ""};
    EXPECT_EQ(first_reason(lowered_of({conv}, 1, 0)), "");
    EXPECT_EQ(first_reason(lowered_of({conv, soft}, 1, 1)), "Softmax 's': Softmax is not among what is fused");
    EXPECT_EQ(first_reason(lowered_of({beside, turn, soft, elu}, 1, 1)),
              "Softmax 's': Softmax is not among what is fused (3 more)");
    EXPECT_EQ(first_reason(lowered_of({beside}, 1, 1)),
              "Relu 'r': too little is computed there to be worth the way in and out");
}

TEST(FusedSummary, CountsNodesPartsAndMilliseconds) {
    const NodeFate conv{"c", "Conv", "", "c"};
    const NodeFate soft{"s", "Softmax", "Softmax is not among what is fused", ""};
    EXPECT_EQ(summary(lowered_of({conv, conv, soft}, 1, 1), std::vector{0.002, 0.0005}),
              "fused layers: 2 of 3 nodes in 1 part, 2.00 of 2.50 ms; 1 node in 1 part left to ONNX Runtime: Softmax "
              "'s': Softmax is not among what is fused");
    EXPECT_EQ(summary(lowered_of({conv, soft, soft}, 2, 2), std::vector{0.001, 0.001, 0.001, 0.001}),
              "fused layers: 1 of 3 nodes in 2 parts, 2.00 of 4.00 ms; 2 nodes in 2 parts left to ONNX Runtime: "
              "Softmax 's': Softmax is not among what is fused (1 more)");
}

}  // namespace
}  // namespace millrace::infer::fused
