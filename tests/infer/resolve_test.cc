#include "infer/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "infer/shapes.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

Port port(const std::string& name, Shape shape, core::DType dtype = core::DType::float32) {
    return {name, {dtype, std::move(shape)}};
}

ModelDescription resolve(std::vector<Port> inputs, std::vector<Port> outputs, const Settings& settings = {}) {
    const ModelFile file{"net.onnx", std::move(inputs), std::move(outputs), {}};
    return resolve_model(file, parse_settings(std::vector<SettingSource>{{"command line", "option", settings}}));
}

/// A model whose output has the shape of its input.
ModelDescription resolve(const Shape& shape, const Settings& settings = {}) {
    return resolve({port("in", shape)}, {port("out", shape)}, settings);
}

core::Error refused(const Shape& shape, const Settings& settings = {}) {
    return error_of([&] { (void)resolve(shape, settings); });
}

TEST(Resolve, RgbPicturesNeedNoSetting) {
    const ModelDescription model = resolve({-1, 3, -1, -1});
    EXPECT_EQ(model.layout, Layout::nchw);
    EXPECT_EQ(model.color, InputColor::rgb);
    EXPECT_EQ(model.output, OutputKind::picture);
    EXPECT_EQ(model.order, Order::any);
    EXPECT_EQ(model.batch, 1);
    EXPECT_EQ(model.range, 1.0F);
    EXPECT_FALSE(model.input_size || model.tile || model.window_axis);
    EXPECT_EQ(model.window.frames(), 1);
    EXPECT_EQ(model.origins.at("input.layout"), "shape");
    EXPECT_EQ(model.origins.at("input.range"), "default");
}

TEST(Resolve, ChannelsLastAndLumaFollowFromTheShape) {
    EXPECT_EQ(resolve({-1, -1, -1, 3}).layout, Layout::nhwc);
    EXPECT_EQ(resolve({1, 64, 64, 3}).input_size, (Size{64, 64}));
    EXPECT_EQ(resolve({-1, 1, -1, -1}).color, InputColor::luma);
    const ModelDescription last = resolve({-1, -1, -1, 1});
    EXPECT_EQ(last.layout, Layout::nhwc);
    EXPECT_EQ(last.color, InputColor::luma);
    // Three lines of three pixels: the channels are where they usually are.
    EXPECT_EQ(resolve({-1, 3, 3, 3}).layout, Layout::nchw);
}

TEST(Resolve, StaticExtentsAreKept) {
    const ModelDescription model = resolve({4, 3, 90, 160});
    EXPECT_EQ(model.batch, 4);
    EXPECT_EQ(model.input_size, (Size{160, 90}));
    EXPECT_EQ(model.origins.at("batch"), "shape");
    EXPECT_EQ(model.origins.at("input.size"), "shape");
    EXPECT_EQ(resolve({-1, 3, -1, -1}, {{"batch", "4"}}).batch, 4);
}

TEST(Resolve, HalfPrecisionStandsInTheShape) {
    const Port half = port("x", {-1, 3, -1, -1}, core::DType::float16);
    EXPECT_EQ(resolve({half}, {half}).dtype, core::DType::float16);
}

TEST(Resolve, OutputsThatAreNoPictureAreData) {
    const Port in = port("in", {-1, 3, -1, -1});
    EXPECT_EQ(resolve({in}, {port("out", {-1, 1000})}).output, OutputKind::data);
    EXPECT_EQ(resolve({in}, {port("out", {-1, 21, -1, -1})}).output, OutputKind::data);
    EXPECT_EQ(resolve({in}, {port("out", {-1, 3, -1, -1}, core::DType::int64)}).output, OutputKind::data);
    EXPECT_EQ(resolve({in}, {port("out", {-1, 3, -1, -1})}, {{"output.kind", "data"}}).output, OutputKind::data);
    const Port fixed = port("in", {1, 3, 32, 32});
    EXPECT_EQ(resolve({fixed}, {port("out", {1, 3, 64, 64})}).output, OutputKind::picture);
    EXPECT_EQ(resolve({fixed}, {port("out", {1, 3, 48, 48})}).output, OutputKind::data);
    EXPECT_EQ(resolve({fixed}, {port("out", {1, 3, 16, 16})}).output, OutputKind::data);
}

TEST(Resolve, ThePictureIsTakenBeforeOtherOutputs) {
    const Port in = port("in", {-1, 3, -1, -1});
    const std::vector<Port> outputs{port("scores", {-1, 3}), port("picture", {-1, 3, -1, -1})};
    EXPECT_EQ(resolve({in}, outputs).result_output, 1);
    const ModelDescription named = resolve({in}, outputs, {{"output.name", "scores"}});
    EXPECT_EQ(named.result_output, 0);
    EXPECT_EQ(named.output, OutputKind::data);
    EXPECT_EQ(named.origins.at("output.name"), "command line");
}

TEST(Resolve, StateMakesTheOrderSequentialAndIsNoPicture) {
    const Port frame = port("frame", {1, 3, -1, -1});
    const Port hidden = port("hidden", {1, 3, -1, -1});
    const ModelDescription model =
        resolve({hidden, frame}, {port("next", {1, 3, -1, -1}), port("picture", {1, 3, -1, -1})},
                {{"state", R"({"hidden": "next"})"}});
    EXPECT_EQ(model.states, (std::vector<std::pair<int, int>>{{0, 0}}));
    EXPECT_EQ(model.picture_input, 1);
    EXPECT_EQ(model.result_output, 1);
    EXPECT_EQ(model.order, Order::sequential);
    EXPECT_EQ(model.origins.at("order"), "state");
}

TEST(Resolve, WindowsAreStackedOnChannelsOrAnAxis) {
    const ModelDescription stacked = resolve({-1, 9, -1, -1}, {{"window", "1,1"}});
    EXPECT_FALSE(stacked.window_axis);
    EXPECT_EQ(stacked.color, InputColor::rgb);
    EXPECT_EQ(picture_input_desc(stacked, {32, 18}).shape, (Shape{1, 9, 18, 32}));
    EXPECT_EQ(resolve({-1, 3, -1, -1}, {{"window", "1,1"}}).color, InputColor::luma);

    const ModelDescription axis = resolve({-1, 5, 3, -1, -1});
    EXPECT_TRUE(axis.window_axis);
    EXPECT_EQ(axis.window.before, 2);
    EXPECT_EQ(axis.window.after, 2);
    EXPECT_EQ(axis.origins.at("window"), "shape");
    EXPECT_EQ(picture_input_desc(axis, {32, 18}).shape, (Shape{1, 5, 3, 18, 32}));
    const ModelDescription past = resolve({-1, -1, -1, -1, 3}, {{"window", "3,0"}, {"input.layout", "nhwc"}});
    EXPECT_EQ(picture_input_desc(past, {32, 18}).shape, (Shape{1, 4, 18, 32, 3}));
}

TEST(Resolve, TilesFreeTheSizeOfAFixedModel) {
    const ModelDescription model = resolve({1, 3, 64, 64}, {{"tile", "64,64,8"}});
    EXPECT_EQ(model.tile->size, (Size{64, 64}));
    EXPECT_EQ(model.origins.at("input.size"), "shape");
}

TEST(Resolve, WrongChannelsNameExpectedAndFound) {
    const core::Error error = refused({-1, 5, -1, -1});
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("model net.onnx: input 'in' is float32 [?, 5, ?, ?]: 5 channels"),
                                    HasSubstr("expected 3 (rgb, bgr) or 1 (y)"), HasSubstr("'window'")));
    EXPECT_THAT(refused({-1, 3, -1, -1}, {{"input.color", "y"}}).what(), HasSubstr("3 channels, expected 1"));
    EXPECT_THAT(refused({-1, 6, -1, -1}, {{"window", "1,1"}}).what(), HasSubstr("for each of 3 frames"));
}

TEST(Resolve, InputsThatAreNoPictureAreRefused) {
    EXPECT_THAT(refused({-1, 10}).what(), AllOf(HasSubstr("'in' is float32 [?, 10]"), HasSubstr("[N, C, H, W]")));
    const Port bytes = port("in", {-1, 3, -1, -1}, core::DType::uint8);
    EXPECT_THAT(error_of([&] { (void)resolve({bytes}, {bytes}); }).what(), HasSubstr("expected float32 or float16"));
    EXPECT_EQ(error_of([] { (void)resolve(std::vector<Port>{}, std::vector<Port>{}); }).code(),
              core::ErrorCode::bad_input);
    EXPECT_THAT(refused({-1, 3, 64, -1}).what(), HasSubstr("one side is fixed"));
    EXPECT_THAT(refused({0, 3, 64, 64}).what(), HasSubstr("batch of 1 to 1024"));
    EXPECT_THAT(refused({1, 3, 0, 64}).what(), HasSubstr("size from 1 to 65536"));
    EXPECT_THAT(refused({-1, 4, 3, -1, -1}).what(), HasSubstr("set 'window'"));
}

TEST(Resolve, AnInputWithoutASourceIsRefused) {
    const Port in = port("in", {-1, 3, -1, -1});
    const core::Error error = error_of([&] { (void)resolve({in, port("sigma", {1})}, {in}); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("'sigma' is float32 [1]"), HasSubstr("'input.name'"), HasSubstr("'state'")));
}

struct Contradiction {
    Shape shape;
    Settings settings;
    const char* says;
};

class Contradicts : public ::testing::TestWithParam<Contradiction> {};

TEST_P(Contradicts, IsAUsageErrorThatNamesBothSides) {
    const core::Error error = refused(GetParam().shape, GetParam().settings);
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("model net.onnx: "), HasSubstr(GetParam().says)));
}

const Shape free_shape{-1, 3, -1, -1};
INSTANTIATE_TEST_SUITE_P(
    Resolve, Contradicts,
    ::testing::Values(
        Contradiction{{4, 3, -1, -1}, {{"batch", "2"}}, "batch is 2, but the model runs 4 at a time"},
        Contradiction{
            {1, 3, 64, 64}, {{"input.size", "32x32"}}, "input.size is 32x32 (width x height), but input 'in'"},
        Contradiction{{1, 3, 64, 64}, {{"tile", "32,32,4"}}, "tile is 32x32, but input 'in'"},
        Contradiction{{-1, 5, 3, -1, -1}, {{"window", "1,1"}}, "window [1, 1] means 3 frames"},
        Contradiction{free_shape, {{"input.size", "30x30"}, {"input.multiple", "4"}}, "30x30 is not a multiple"},
        Contradiction{free_shape, {{"tile", "30,30,4"}, {"input.multiple", "4"}}, "tile 30x30 is not a multiple"},
        Contradiction{free_shape, {{"tile", "32,32,9"}, {"input.multiple", "16"}}, "twice its overlap 9"},
        Contradiction{free_shape, {{"tile", "32,32,4"}, {"output.kind", "data"}}, "only pictures"},
        Contradiction{
            free_shape, {{"input.name", "x"}}, "input.name names 'x', which the model does not have; it has: in"},
        Contradiction{free_shape, {{"output.name", "x"}}, "it has: out"},
        Contradiction{free_shape, {{"state", R"({"x": "out"})"}}, "state names 'x'"}),
    [](const auto& parameter) { return "Case" + std::to_string(parameter.index); });

TEST(Resolve, StateContradictsBatchesAndAnyOrder) {
    const std::vector<Port> inputs{port("in", {-1, 3, -1, -1}), port("h", {-1, 8})};
    const std::vector<Port> outputs{port("out", {-1, 3, -1, -1}), port("next", {-1, 8})};
    const auto says = [&](Settings settings) {
        settings["state"] = R"({"h": "next"})";
        return std::string(error_of([&] { (void)resolve(inputs, outputs, settings); }).what());
    };
    EXPECT_THAT(says({{"batch", "2"}}), HasSubstr("batch must be 1, not 2"));
    EXPECT_THAT(says({{"order", "any"}}), HasSubstr("set order to sequential"));
    EXPECT_THAT(says({{"tile", "64,64,4"}}), HasSubstr("carries state"));
}

TEST(Resolve, APictureOutputMustBeAbleToBeOne) {
    const core::Error error = error_of(
        [] { (void)resolve({port("in", {-1, 3, -1, -1})}, {port("out", {-1, 10})}, {{"output.kind", "picture"}}); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("'out' is float32 [?, 10]"), HasSubstr("'in' is float32 [?, 3, ?, ?]")));
}

TEST(Resolve, DataMustBeToldApartByFrame) {
    ModelDescription model = resolve({port("in", free_shape)}, {port("out", {-1, 10})});
    check_data(model, {core::DType::float32, {7, 10}});
    model.batch = 2;
    check_data(model, {core::DType::float32, {2, 10}});
    EXPECT_THAT(error_of([&] { check_data(model, {core::DType::float32, {7, 10}}); }).what(),
                HasSubstr("set batch to 1"));
}

}  // namespace
}  // namespace millrace::infer
