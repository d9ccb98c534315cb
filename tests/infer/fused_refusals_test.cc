// What is not fused, and how that is said.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <span>

#include "core/error.h"
#include "infer/fused_models.h"
#include "support/error_of.h"

namespace millrace::infer::fused {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Shape shape{1, 3, 8, 12};

struct Refusal {
    std::string reason;
    std::function<std::string(ModelMaker& model)> make;
    int operator_set = 17;
    friend std::ostream& operator<<(std::ostream& stream, const Refusal& one) { return stream << one.reason; }
};

class FusedRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(FusedRefusal, NamesItsReason) {
    ModelMaker model({-1, 3, -1, -1}, GetParam().operator_set);
    model.output(GetParam().make(model));
    EXPECT_EQ(reason_of(model.bytes(), shape), GetParam().reason);
    EXPECT_EQ(lower_for(model.bytes(), shape).whole(), nullptr);
}

Refusal node(const std::string& reason, const std::string& op, const std::string& attributes = "") {
    return {reason, [=](ModelMaker& m) { return m.node(op, {"input"}, attributes); }};
}

Refusal conv(const std::string& reason, const Shape& filter, const std::string& attributes = "") {
    return {reason, [=](ModelMaker& m) { return m.node("Conv", {"input", m.weights(filter)}, attributes); }};
}

Refusal resize(const std::string& reason, const std::string& attributes,
               const std::vector<float>& factors = {1, 1, 2, 2}) {
    return {reason,
            [=](ModelMaker& m) { return m.node("Resize", {"input", "", m.constant({4}, factors)}, attributes); }};
}

INSTANTIATE_TEST_SUITE_P(
    Convolutions, FusedRefusal,
    ::testing::Values(
        conv("Conv of 13 x 13 is larger than 11 x 11", {4, 3, 13, 13}, "pads=6,6,6,6"),
        conv("Conv of 1 x 12 is larger than 11 x 11", {4, 3, 1, 12}),
        conv("Conv with a stride of 4 x 4 is beyond 2 x 2", {4, 3, 4, 4}, "strides=4,4"),
        conv("Conv of [1, 3, 8, 12] with weights of [4, 5, 3, 3] does not fit", {4, 5, 3, 3}),
        conv("Conv of weights of [4, 3, 3], expected four dimensions", {4, 3, 3}),
        Refusal{"Conv's weights are not constant", [](ModelMaker& m) { return m.node("Conv", {"input", "input"}); }},
        Refusal{"Conv's bias is not one constant for each channel",
                [](ModelMaker& m) { return m.node("Conv", {"input", m.weights({4, 3, 1, 1}), m.weights({3})}); }},
        Refusal{"ConvTranspose of 12 x 12 is larger than 11 x 11",
                [](ModelMaker& m) { return m.node("ConvTranspose", {"input", m.weights({3, 4, 12, 12})}); }},
        Refusal{"MatMul of [1, 3, 8, 12], expected [batch, values]",
                [](ModelMaker& m) { return m.node("MatMul", {"input", m.weights({12, 4})}); }},
        Refusal{"Gemm of a flattened picture of 8 x 12, larger than 7 x 7",
                [](ModelMaker& m) { return m.node("Gemm", {m.node("Flatten", {"input"}), m.weights({288, 4})}); }}));

INSTANTIATE_TEST_SUITE_P(
    Others, FusedRefusal,
    ::testing::Values(
        node("Softmax is not among what is fused", "Softmax", "axis=1"), node("Elu is not among what is fused", "Elu"),
        node("Cast to other than float32 or float16", "Cast", "to=6"),
        node("MaxPool with a dilation", "MaxPool", "kernel_shape=2,2 dilations=2,2"),
        node("AveragePool that counts padding and rounds its size up", "AveragePool",
             "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 count_include_pad=1 ceil_mode=1"),
        node("ReduceMean over other axes than height and width", "ReduceMean", "axes=1,"),
        node("ReduceMean that takes one axis away", "ReduceMean", "axes=3, keepdims=0"),
        node("DepthToSpace by 2 does not fit [1, 3, 8, 12]", "DepthToSpace", "blocksize=2"),
        node("Split other than by channels", "Split", "axis=2"), resize("Resize cubic", "mode=cubic"),
        resize("Resize with coordinates 'tf_crop_and_resize'",
               "mode=linear coordinate_transformation_mode=tf_crop_and_resize"),
        resize("Resize of 8 pixels by 1.3, which is no whole number", "mode=linear", {1, 1, 1.3F, 1}),
        resize("Resize of [1, 3, 8, 12] to [1, 6, 8, 12], which changes more than the size", "mode=nearest",
               {1, 2, 1, 1}),
        Refusal{"a dynamic axis remains: Resize's size is not constant",
                [](ModelMaker& m) { return m.node("Resize", {"input", "", "input"}, "mode=linear"); }},
        Refusal{
            "Pad by 'wrap'",
            [](ModelMaker& m) { return m.node("Pad", {"input", m.integers({0, 0, 1, 1, 0, 0, 1, 1})}, "mode=wrap"); }},
        Refusal{"Pad beyond the picture's mirror",
                [](ModelMaker& m) {
                    return m.node("Pad", {"input", m.integers({0, 0, 8, 1, 0, 0, 1, 1})}, "mode=reflect");
                }},
        Refusal{"Pad by other than zero",
                [](ModelMaker& m) {
                    return m.node("Pad", {"input", m.integers({0, 0, 1, 1, 0, 0, 1, 1}), m.constant({}, {1})});
                }},
        Refusal{"Slice with a step",
                [](ModelMaker& m) {
                    return m.node("Slice",
                                  {"input", m.integers({0}), m.integers({8}), m.integers({2}), m.integers({2})});
                }},
        Refusal{
            "Concat of [1, 3, 8, 12] and [1, 3, 1, 1] other than by channels",
            [](ModelMaker& m) { return m.node("Concat", {"input", m.node("GlobalMaxPool", {"input"})}, "axis=1"); }},
        Refusal{"Concat other than by channels",
                [](ModelMaker& m) { return m.node("Concat", {"input", "input"}, "axis=2"); }},
        Refusal{"Transpose is fused only where it changes no order, or as part of a shuffle of pixels or channels",
                [](ModelMaker& m) { return m.node("Transpose", {"input"}, "perm=0,2,3,1"); }},
        Refusal{"Conv of 13 x 13 is larger than 11 x 11; Softmax is not among what is fused",
                [](ModelMaker& m) { return m.node("Softmax", {m.conv("input", 3, 4, 13, "pads=6,6,6,6")}, "axis=1"); }},
        Refusal{"Unique is not among what is fused; the shape of 't0' is not known: Unique0 is not fused",
                [](ModelMaker& m) { return m.node("Relu", {m.node("Unique", {"input"})}); }}));

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, FusedRefusal,
    ::testing::Values(
        Refusal{"Add of constants of [1, 3, 8, 12], not one for all or one for each channel",
                [](ModelMaker& m) { return m.node("Add", {"input", m.weights({1, 3, 8, 12})}); }},
        Refusal{"Mul of constants of [12], not one for all or one for each channel",
                [](ModelMaker& m) { return m.node("Mul", {"input", m.weights({12})}); }},
        Refusal{"PRelu's slope is [8, 12], not one for all or one for each channel",
                [](ModelMaker& m) { return m.node("PRelu", {"input", m.weights({8, 12})}); }},
        Refusal{"PRelu's slope is not constant", [](ModelMaker& m) { return m.node("PRelu", {"input", "input"}); }},
        Refusal{"Clip's limits are not constant",
                [](ModelMaker& m) { return m.node("Clip", {"input", m.node("ReduceMax", {"input"}, "axes=2,3")}); }},
        Refusal{"Div by a picture", [](ModelMaker& m) { return m.node("Div", {"input", "input"}); }},
        Refusal{"Div by zero", [](ModelMaker& m) { return m.node("Div", {"input", m.constant({}, {0})}); }},
        Refusal{"Add of [1, 3, 8, 12] and [1, 3, 1, 12], which have neither one size nor is one of them a single pixel",
                [](ModelMaker& m) { return m.node("Add", {"input", m.node("ReduceMean", {"input"}, "axes=2,")}); }},
        Refusal{"BatchNormalization in training mode",
                [](ModelMaker& m) {
                    const std::string w = m.weights_between({3}, 1, 2);
                    return m.node("BatchNormalization", {"input", w, w, w, w}, "training_mode=1");
                }},
        Refusal{"Dropout in training mode", [](ModelMaker& m) {
                    return m.node("Dropout", {"input", m.constant({}, {0.5F}), m.scalar_integer(1)});
                }}));

TEST(FusedRefusals, OneNodeOfMany) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string x = model.node("Softmax", {model.conv("input", 3, 64, 5)}, "axis=1");
    model.output(model.conv(x, 64, 64, 3));
    const Lowered lowered = lower_for(model.bytes(), shape);
    EXPECT_EQ(lowered.whole(), nullptr);
    ASSERT_EQ(lowered.nodes.size(), 3U);
    EXPECT_EQ(lowered.nodes[0].layer, "Conv0");
    EXPECT_EQ(lowered.nodes[1].name, "Softmax1");
    EXPECT_EQ(lowered.nodes[1].op, "Softmax");
    EXPECT_EQ(lowered.nodes[1].layer, "");
    EXPECT_EQ(lowered.nodes[2].layer, "Conv2") << "it could be fused";
    EXPECT_EQ(lowered.nodes[2].reason, "");
}

TEST(FusedRefusals, ShapesThatNobodyGave) {
    ModelMaker model({-1, 3, -1, 8});
    model.output(model.node("Relu", {"input"}));
    const std::string bytes = model.bytes();
    const Lowered lowered = lower(std::as_bytes(std::span(bytes)), "test.onnx", {});
    EXPECT_EQ(lowered.nodes.at(0).reason,
              "the shape of 'input' is not known: a dynamic axis remains: input 'input' is [?, 3, ?, 8]");
    EXPECT_EQ(reason_of(bytes, {1, 3, 4, 4, 4}),
              "the shape of 'input' is not known: input 'input' is [1, 3, 4, 4, 4], expected [batch, channels, height, "
              "width]");
}

TEST(FusedRefusals, AnOutputThatIsTheSameForEveryPicture) {
    ModelMaker model({-1, 3, -1, -1});
    const std::string sum = model.node("Add", {model.constant({1}, {1}), model.constant({1}, {1})});
    model.output(sum);
    EXPECT_EQ(reason_of(model.bytes(), shape), "output '" + sum + "' is the same for every picture");
}

TEST(FusedRefusals, WhatIsNoModel) {
    const auto lower_bytes = [](const std::string& bytes) {
        return error_of([&] { (void)lower(std::as_bytes(std::span(bytes)), "folder/net.onnx", {}); });
    };
    const core::Error error = lower_bytes("no model");
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("folder/net.onnx"), HasSubstr("not an ONNX file")));
    ModelMaker model({-1, 3, -1, -1});
    model.output(model.node("Add", {"input", model.constant({3, 1, 1}, {1, 2})}));
    EXPECT_THAT(lower_bytes(model.bytes()).what(), HasSubstr("weights 'w0' have 2 values, expected 3"));
}

}  // namespace
}  // namespace millrace::infer::fused
