// Models that give data: a line of JSON for each frame.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::fake_model;
using test::FakeJob;
using test::luma_of;
using test::Rig;

std::vector<nlohmann::json> lines_of(const Rig& rig) {
    std::vector<nlohmann::json> lines;
    for (const auto& [segment, text] : rig.files()) {
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
}

TEST(Data, OneLineAFrameInOrder) {
    FakeJob settings;
    settings.data = true;
    settings.model = fake_model({}, 4);
    settings.model_workers = 3;
    Rig rig(settings);
    const RunResult result = rig.run();
    const auto lines = lines_of(rig);
    ASSERT_EQ(lines.size(), 60U);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i].at("frame"), i);
        EXPECT_EQ(lines[i].at("pts"), 10 * i);
        EXPECT_DOUBLE_EQ(lines[i].at("seconds").get<double>(), static_cast<double>(i) / 100);
        const double grey = (luma_of(static_cast<std::int64_t>(i)) - 16) / 219.0;
        EXPECT_NEAR(lines[i].at("values").at(0).get<double>(), grey, 1e-5);
    }
    EXPECT_EQ(result.records.at(0).digest.records, 10);
    EXPECT_FALSE(result.records.at(0).stream.has_value());
}

// A frame's number says which of the input's frames it is, whatever was lost before it.
TEST(Data, FramesKeepTheirNumbersWhenOthersAreLost) {
    FakeJob settings;
    settings.data = true;
    settings.model = fake_model({}, 2);
    Rig rig(settings);
    rig.video.corrupt = {120};
    rig.video.missing = {140, 300};
    rig.job.input.on_corrupt = CorruptPolicy::drop;
    (void)rig.run();
    const auto lines = lines_of(rig);
    ASSERT_EQ(lines.size(), 57U);
    for (const nlohmann::json& line : lines) EXPECT_EQ(line.at("frame").get<int>() * 10, line.at("pts").get<int>());
}

}  // namespace
}  // namespace millrace::pipeline
