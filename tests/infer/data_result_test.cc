#include "infer/data_result.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "infer/model_fixture.h"

namespace millrace::infer {
namespace {

using nlohmann::json;

ModelDescription data_model(int batch, std::size_t outputs = 1) {
    ModelDescription model;
    model.output = OutputKind::data;
    model.batch = batch;
    for (std::size_t i = 0; i < outputs; ++i) model.outputs.push_back({"out" + std::to_string(i), {}});
    return model;
}

Tensors floats(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    Tensors tensors = lease_all({{core::DType::float32, shape}});
    std::memcpy(tensors[0].data, values.data(), values.size() * sizeof(float));
    return tensors;
}

TEST(DataResult, IsOneLineInAFixedOrder) {
    ModelDescription model = data_model(2);
    model.labels = {"red", "green", "blue"};
    const Tensors outputs = floats({2, 3}, {9, 9, 9, 0.1F, 0.75F, 0.75F});
    EXPECT_EQ(format_data(model, outputs, 1, {7, 3584, 0.28}).text,
              R"({"frame":7,"pts":3584,"seconds":0.28,"labels":[{"label":"green","score":0.75},)"
              R"({"label":"blue","score":0.75},{"label":"red","score":0.1}],"shape":[3],"values":[0.1,0.75,0.75]})");
}

TEST(DataResult, WithoutAPtsThereIsNoTime) {
    const json line = json::parse(format_data(data_model(1), floats({1, 1}, {2}), 0, {}).text);
    EXPECT_EQ(line, json::parse(R"({"frame":0,"pts":null,"seconds":null,"shape":[1],"values":[2.0]})"));
}

TEST(DataResult, WhatJsonCannotSayIsNullAndCounted) {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    constexpr float infinite = std::numeric_limits<float>::infinity();
    ModelDescription model = data_model(1);
    model.labels = {"a", "b", "c", "d"};
    const DataLine line = format_data(model, floats({1, 4}, {nan, 1, -infinite, 3}), 0, {});
    EXPECT_EQ(line.nan_count, 2);
    const json document = json::parse(line.text);
    EXPECT_EQ(document["values"], json::parse("[null, 1.0, null, 3.0]"));
    EXPECT_EQ(document["labels"], json::parse(R"([{"label":"d","score":3.0},{"label":"b","score":1.0}])"));
}

TEST(DataResult, FiveLabelsAreEnough) {
    ModelDescription model = data_model(1);
    std::vector<float> scores;
    for (int i = 0; i < 20; ++i) {
        model.labels.push_back("l" + std::to_string(i));
        scores.push_back(static_cast<float>(i * 7 % 20));
    }
    const json labels = json::parse(format_data(model, floats({1, 20}, scores), 0, {}).text)["labels"];
    ASSERT_EQ(labels.size(), 5U);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(labels[static_cast<std::size_t>(i)]["score"], 19 - i);
}

TEST(DataResult, FurtherOutputsComeByNameAndStatesDoNot) {
    ModelDescription model = data_model(1, 3);
    model.states = {{1, 2}};
    Tensors outputs = floats({1, 1}, {0.5F});
    Tensors more = lease_all({{core::DType::int64, {2}}, {core::DType::uint8, {4}}});
    more[0].as<std::int64_t>()[0] = std::numeric_limits<std::int64_t>::min();
    more[0].as<std::int64_t>()[1] = 3;
    for (device::Tensor& tensor : more) outputs.push_back(std::move(tensor));
    const json line = json::parse(format_data(model, outputs, 0, {}).text);
    EXPECT_EQ(line["outputs"], json::parse(R"({"out1":{"shape":[2],"values":[-9223372036854775808, 3]}})"));
}

TEST(DataResult, LabelsThatAreNoUtf8AreStillJson) {
    ModelDescription model = data_model(1);
    model.labels = {"\xff\"\n"};
    EXPECT_EQ(json::parse(format_data(model, floats({1, 1}, {1}), 0, {}).text)["labels"].size(), 1U);
}

RC_GTEST_PROP(DataResult, FloatsSurviveTheText, ()) {
    const auto bits = *rc::gen::arbitrary<std::uint32_t>();
    const auto value = std::bit_cast<float>(bits);
    const DataLine line = format_data(data_model(1), floats({1}, {value}), 0, {});
    const json back = json::parse(line.text)["values"][0];
    RC_ASSERT(back.is_null() == !std::isfinite(value));
    RC_ASSERT(line.nan_count == (std::isfinite(value) ? 0 : 1));
    if (back.is_null()) return;
    RC_ASSERT(std::bit_cast<std::uint32_t>(back.get<float>()) == bits);
    // Digits enough for a float, and no more.
    RC_ASSERT(line.text.size() <
              std::string(R"({"frame":0,"pts":null,"seconds":null,"shape":[],"values":[]})").size() + 16);
}

TEST(DataResult, HalvesAreNumpysHalves) {
    const std::string expected = read_all(std::filesystem::path(MILLRACE_TEST_ORACLE) / "half.bin");
    ASSERT_EQ(expected.size(), 65536 * sizeof(float));
    const Tensors outputs = lease_all({{core::DType::float16, {1, 65536}}});
    for (std::uint32_t i = 0; i < 65536; ++i) outputs[0].as<std::uint16_t>()[i] = static_cast<std::uint16_t>(i);
    const json values = json::parse(format_data(data_model(1), outputs, 0, {}).text)["values"];
    for (std::size_t i = 0; i < 65536; ++i) {
        float numpy = 0;
        std::memcpy(&numpy, expected.data() + i * sizeof(float), sizeof(float));
        if (!std::isfinite(numpy)) {
            ASSERT_TRUE(values[i].is_null()) << i;
        } else {
            ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i].get<float>()), std::bit_cast<std::uint32_t>(numpy)) << i;
        }
    }
}

}  // namespace
}  // namespace millrace::infer
