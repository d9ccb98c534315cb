#include "infer/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "support/error_of.h"

namespace millrace::infer {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

ParsedSettings parse(const std::string& key, const std::string& value) {
    return parse_settings(std::vector<SettingSource>{{"command line", "the command line", {{key, value}}}});
}

TEST(Settings, NothingSaidIsNothingParsed) {
    const ParsedSettings parsed = parse_settings({});
    EXPECT_FALSE(parsed.layout || parsed.range || parsed.tile || parsed.labels || parsed.states);
    EXPECT_TRUE(parsed.origins.empty());
}

TEST(Settings, WordsAndJsonMeanTheSame) {
    EXPECT_EQ(parse("input.layout", "nhwc").layout, Layout::nhwc);
    EXPECT_EQ(parse("input.layout", "\"nhwc\"").layout, Layout::nhwc);
    EXPECT_EQ(parse("input.color", "bgr").color, InputColor::bgr);
    EXPECT_EQ(parse("input.color", "y").color, InputColor::luma);
    EXPECT_EQ(parse("input.fit", "letterbox").fit, Fit::letterbox);
    EXPECT_EQ(parse("order", "sequential").order, Order::sequential);
    EXPECT_EQ(parse("output.kind", "data").output, OutputKind::data);
    EXPECT_EQ(parse("input.multiple", "8").multiple, 8);
    EXPECT_EQ(parse("batch", "16").batch, 16);
}

TEST(Settings, RangeIsTheWhiteOfAPair) {
    EXPECT_EQ(parse("input.range", "1").range, 1.0F);
    EXPECT_EQ(parse("input.range", "255.0").range, 255.0F);
    EXPECT_EQ(parse("input.range", "[0, 255]").range, 255.0F);
    EXPECT_EQ(parse("input.range", "0,1").range, 1.0F);
}

TEST(Settings, ListsNeedNoBrackets) {
    const std::array<float, 3> mean{0.485F, 0.456F, 0.406F};
    EXPECT_EQ(parse("input.mean", "[0.485, 0.456, 0.406]").mean, mean);
    EXPECT_EQ(parse("input.mean", "0.485,0.456,0.406").mean, mean);
    EXPECT_EQ(parse("input.std", "0.5").std, (std::array<float, 3>{0.5F, 0.5F, 0.5F}));
    EXPECT_EQ(parse("input.std", "[0.25]").std, (std::array<float, 3>{0.25F, 0.25F, 0.25F}));
    const Window window = parse("window", "2,1").window.value();
    EXPECT_EQ(window.before, 2);
    EXPECT_EQ(window.after, 1);
    EXPECT_EQ(window.frames(), 4);
}

TEST(Settings, SizesAreWidthFirst) {
    const Size wide{320, 180};
    EXPECT_EQ(parse("input.size", "320x180").size, wide);
    EXPECT_EQ(parse("input.size", "[320, 180]").size, wide);
    EXPECT_EQ(parse("input.size", "320,180").size, wide);
    EXPECT_EQ(parse("input.size", "224").size, (Size{224, 224}));
}

TEST(Settings, TilesAreAListOrAnObject) {
    for (const char* text :
         {"256,192,16", "[256,192,16]", R"({"size":[256,192],"overlap":16})", R"({"size":"256x192","overlap":16})"}) {
        const TileSetting tile = parse("tile", text).tile.value();
        EXPECT_EQ(tile.size, (Size{256, 192})) << text;
        EXPECT_EQ(tile.overlap, 16) << text;
    }
}

TEST(Settings, NamesMayLookLikeNumbers) {
    EXPECT_EQ(parse("input.name", "245").input_name, "245");
    EXPECT_EQ(parse("output.name", "[0]").output_name, "[0]");
    EXPECT_EQ(parse("output.labels", "0,1,2").labels, (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(parse("output.labels", R"(["a,b", "c"])").labels, (std::vector<std::string>{"a,b", "c"}));
    EXPECT_EQ(parse("state", R"({"1": "2", "h_in": "h_out"})").states,
              (std::vector<std::pair<std::string, std::string>>{{"1", "2"}, {"h_in", "h_out"}}));
}

struct Wrong {
    const char* key;
    const char* value;
    const char* allowed;
};

class MalformedSetting : public ::testing::TestWithParam<Wrong> {};

TEST_P(MalformedSetting, IsRefusedWithKeyValueAndWhatIsAllowed) {
    const auto& [key, value, allowed] = GetParam();
    const core::Error error = error_of([key, value] { (void)parse(key, value); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("the command line: "), HasSubstr(key),
                                    HasSubstr("'" + std::string(value) + "'"), HasSubstr(allowed)));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, MalformedSetting,
    ::testing::Values(
        Wrong{"input.layout", "sideways", "nchw or nhwc"}, Wrong{"input.layout", "", "nchw or nhwc"},
        Wrong{"input.layout", "1", "nchw or nhwc"}, Wrong{"input.layout", "NCHW", "nchw or nhwc"},
        Wrong{"input.range", "2", "1 or 255"}, Wrong{"input.range", "[16, 255]", "1 or 255"},
        Wrong{"input.range", "nan", "1 or 255"}, Wrong{"input.mean", "[1, 2]", "one number, or three"},
        Wrong{"input.mean", "[1, 2, \"x\"]", "one number, or three"}, Wrong{"input.mean", "1e999", "one number"},
        Wrong{"input.std", "0", "positive"}, Wrong{"input.std", "[1, 1, -1]", "positive"},
        Wrong{"input.color", "yuv", "rgb, bgr or y"}, Wrong{"input.size", "0x4", "[224, 224]"},
        Wrong{"input.size", "-4x4", "224x224"}, Wrong{"input.size", "4x", "224x224"},
        Wrong{"input.size", "4.5x4", "224x224"}, Wrong{"input.size", "99999999999999999999x4", "224x224"},
        Wrong{"input.size", "70000x4", "224x224"}, Wrong{"input.fit", "pad", "stretch, letterbox or crop"},
        Wrong{"input.multiple", "0", "1 to 1024"}, Wrong{"window", "1", "frames before and after"},
        Wrong{"window", "[1, -1]", "0 to 256"}, Wrong{"window", "[1, 1, 1]", "before and after"},
        Wrong{"order", "random", "any or sequential"}, Wrong{"state", "{}", "input names to output names"},
        Wrong{"state", R"({"a": 1})", "input names"}, Wrong{"state", "a=b", "input names"},
        Wrong{"tile", "256", "[width, height, overlap]"}, Wrong{"tile", "[64, 64, 32]", "less than half"},
        Wrong{"tile", "[64, 64, -1]", "overlap"}, Wrong{"tile", R"({"size": [64, 64]})", "overlap"},
        Wrong{"tile", R"({"size": [64, 64], "overlap": 4, "x": 1})", "overlap"}, Wrong{"batch", "1.5", "1 to 1024"},
        Wrong{"batch", "18446744073709551615", "1 to 1024"}, Wrong{"output.kind", "image", "picture or data"},
        Wrong{"output.labels", "[]", "a list of names"}, Wrong{"output.labels", "a,,b", "a list of names"},
        Wrong{"output.labels", "[\"a\", 1]", "a list of names"}, Wrong{"input.name", "", "one of the model's inputs"}),
    [](const auto& parameter) { return "Case" + std::to_string(parameter.index); });

TEST(Settings, TheLastSourceThatSpeaksWins) {
    const std::vector<SettingSource> sources{
        {"metadata", "m.onnx", {{"input.range", "255"}, {"input.color", "bgr"}, {"input.fit", "crop"}}},
        {"model.json", "model.json", {{"input.range", "1"}, {"input.color", "rgb"}}},
        {"command line", "--model-setting", {{"input.color", "y"}}}};
    const ParsedSettings parsed = parse_settings(sources);
    EXPECT_EQ(parsed.fit, Fit::crop);
    EXPECT_EQ(parsed.range, 1.0F);
    EXPECT_EQ(parsed.color, InputColor::luma);
    EXPECT_EQ(parsed.origins,
              (std::map<std::string, std::string>{
                  {"input.fit", "metadata"}, {"input.range", "model.json"}, {"input.color", "command line"}}));
}

TEST(Settings, AMalformedValueThatIsOverruledDoesNotMatter) {
    const std::vector<SettingSource> sources{{"metadata", "m.onnx", {{"input.layout", "sideways"}}},
                                             {"command line", "option", {{"input.layout", "nchw"}}}};
    EXPECT_EQ(parse_settings(sources).layout, Layout::nchw);
}

TEST(Settings, AKeyThatDoesNotExistIsRefusedInAnySource) {
    const std::vector<SettingSource> sources{{"metadata", "m.onnx (metadata)", {{"input.sise", "[2, 2]"}}},
                                             {"command line", "option", {{"input.layout", "nchw"}}}};
    const core::Error error = error_of([&sources] { (void)parse_settings(sources); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("m.onnx (metadata): "), HasSubstr("'input.sise'"), HasSubstr("'[2, 2]'"),
                                    HasSubstr("input.size, input.fit")));
}

TEST(Settings, OnlyOurMetadataCounts) {
    EXPECT_EQ(
        settings_of_metadata({{"author", "x"}, {"millrace.window", "[1,1]"}, {"millrace", "y"}, {"millrace.", "z"}}),
        (Settings{{"window", "[1,1]"}, {"", "z"}}));
}

TEST(Settings, ModelJsonIsOneFlatObject) {
    EXPECT_EQ(
        settings_of_json(R"({"input.size": [32, 18], "input.range": 255, "input.color": "bgr", "output.labels": ["a"],
                                   "state": {"x": "y"}})",
                         "model.json"),
        (Settings{{"input.size", "[32,18]"},
                  {"input.range", "255"},
                  {"input.color", "bgr"},
                  {"output.labels", R"(["a"])"},
                  {"state", R"({"x":"y"})"}}));
    for (const char* text : {"", "[1]", "{\"a\": }", "nonsense", "\xff\xfe"}) {
        const core::Error error = error_of([text] { (void)settings_of_json(text, "dir/model.json"); });
        EXPECT_EQ(error.code(), core::ErrorCode::usage) << text;
        EXPECT_THAT(error.what(), AllOf(HasSubstr("dir/model.json: expected one JSON object"), HasSubstr("found ")));
    }
}

TEST(Settings, DeepNestingIsRefusedWithoutRecursion) {
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    EXPECT_EQ(error_of([&deep] { (void)parse("tile", deep); }).code(), core::ErrorCode::usage);
    EXPECT_EQ(error_of([&deep] { (void)settings_of_json("{\"tile\":" + deep + "}", "j"); }).code(),
              core::ErrorCode::usage);
}

TEST(Settings, WhatIsShownOfAValueIsShortAndPrintable) {
    const core::Error error = error_of([] { (void)parse("order", std::string(5000, 'x') + "\n\xff"); });
    EXPECT_LT(std::string(error.what()).size(), 200U);
    EXPECT_THAT(error_of([] { (void)parse("order", "a\nb\xff"); }).what(), HasSubstr("'a?b?'"));
}

RC_GTEST_PROP(Settings, AnyBytesEitherParseOrAreUsageErrors, (const std::string& value)) {
    const auto key =
        *rc::gen::element<std::string>("input.layout", "input.range", "input.mean", "input.size", "window", "tile",
                                       "state", "output.labels", "batch", "input.name", "nonsense");
    try {
        (void)parse(key, value);
    } catch (const core::Error& error) {
        RC_ASSERT(error.code() == core::ErrorCode::usage);
    }
}

}  // namespace
}  // namespace millrace::infer
