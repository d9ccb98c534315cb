#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/progress_meter.h"
#include "engine/report_parts.h"
#include "engine/script_messages.h"
#include "millrace/report.h"

namespace millrace::engine {
namespace {

TEST(ReportJson, HoldsTheCounts) {
    Report report;
    report.output = "out.mp4";
    report.frames.decoded = 60;
    report.frames.dropped_pts = {3003, 6006};
    report.segments = {6, 2};
    report.width_out = 3840;
    report.height_out = 2160;
    report.stages = {{"encode", 2, 60, 1.5, 0.25, 0.5, 80, 0.125}};
    const auto json = nlohmann::json::parse(to_json(report));
    EXPECT_EQ(json.at("output"), "out.mp4");
    EXPECT_EQ(json.at("frames").at("decoded"), 60);
    EXPECT_EQ(json.at("frames").at("dropped_pts"), (std::vector<int>{3003, 6006}));
    EXPECT_EQ(json.at("segments").at("reused"), 2);
    EXPECT_EQ(json.at("size_out"), (std::vector<int>{3840, 2160}));
    EXPECT_EQ(json.at("stages").at(0).at("name"), "encode");
    EXPECT_DOUBLE_EQ(json.at("stages").at(0).at("wait_output_seconds").get<double>(), 0.5);
    EXPECT_DOUBLE_EQ(json.at("stages").at(0).at("gpu_seconds").get<double>(), 0.125);
}

TEST(ReportJson, HasNoCopiesOnlyWhereTheyWereMeasured) {
    Report report;
    report.script.workers = 1;
    const auto copies = [&] { return nlohmann::json::parse(to_json(report)).at("script").at("copies"); };
    EXPECT_TRUE(copies().is_null());
    report.script.copies.emplace();
    EXPECT_EQ(copies(), nlohmann::json::array());
    report.script.copies->push_back({"a.py:7", "down", 96, 4096, 0.5});
    EXPECT_EQ(copies(),
              nlohmann::json::parse(
                  R"([{"line": "a.py:7", "direction": "down", "count": 96, "bytes": 4096, "seconds": 0.5}])"));
}

TEST(ScriptCopies, AddUpLineByLineOverProcesses) {
    WorkerReport worker;
    worker.script.copies = {{"a.py:7", "down", 96, 4096, 0.5}, {"a.py:7", "up", 1, 1, 0.25}};
    const WorkerReport told = report_from_message(to_message(worker));
    std::optional sums = std::vector<ScriptCopies>();
    for (int i = 0; i < 2; ++i) add_script_copies(told.script.copies, sums);
    add_script_copies(std::vector<ScriptCopies>{{"b.py:1", "up", 1, 9000, 1}}, sums);
    ASSERT_TRUE(sums);
    ASSERT_EQ(sums->size(), 3U);
    EXPECT_EQ(sums->at(0).line, "b.py:1");
    EXPECT_EQ(sums->at(1).line, "a.py:7");
    EXPECT_EQ(sums->at(1).direction, "down");
    EXPECT_EQ(sums->at(1).count, 192);
    EXPECT_EQ(sums->at(1).bytes, 8192);
    EXPECT_DOUBLE_EQ(sums->at(1).seconds, 1);
    add_script_copies(report_from_message(to_message(WorkerReport())).script.copies, sums);
    EXPECT_FALSE(sums) << "one process could not measure";
    add_script_copies(told.script.copies, sums);
    EXPECT_FALSE(sums);
}

TEST(ReportJson, IsJsonWhateverBytesAPathHas) {
    Report report;
    report.input = "caf\xe9.mp4";
    EXPECT_TRUE(nlohmann::json::accept(to_json(report)));
}

class Meter : public testing::Test {
  protected:
    Progress show(ProgressMeter& meter, std::int64_t done) {
        meter.show({done, 20, 2});
        return last_;
    }

    Progress last_;
    const Observer observer_ = [this](const Progress& progress) { last_ = progress; };
    const pipeline::Profile profile_{pipeline::Tracing::off};
};

TEST_F(Meter, PassesTheNumbersOn) {
    ProgressMeter meter(observer_, 100, profile_);
    const Progress progress = show(meter, 50);
    EXPECT_EQ(progress.phase, Phase::running);
    EXPECT_EQ(progress.frames_done, 50);
    EXPECT_EQ(progress.frames_reused, 20);
    EXPECT_EQ(progress.frames_total, 100);
    EXPECT_EQ(progress.lanes, 2);
    EXPECT_EQ(progress.seconds_left, -1);  // one sample gives no rate
    meter.show_phase(Phase::joining, 100);
    EXPECT_EQ(last_.phase, Phase::joining);
    EXPECT_EQ(last_.frames_done, 100);
}

TEST_F(Meter, RateAndTimeLeftAgree) {
    ProgressMeter meter(observer_, 100, profile_);
    show(meter, 20);
    const Progress progress = show(meter, 60);
    EXPECT_GT(progress.fps, 0);
    EXPECT_NEAR(progress.seconds_left * progress.fps, 40, 1e-6);
}

TEST_F(Meter, AnUnknownTotalLeavesTheTimeUnknown) {
    ProgressMeter meter(observer_, -1, profile_);
    show(meter, 20);
    const Progress progress = show(meter, 60);
    EXPECT_GT(progress.fps, 0);
    EXPECT_EQ(progress.seconds_left, -1);
    EXPECT_EQ(progress.frames_total, -1);
}

TEST_F(Meter, NobodyNeedsToListen) {
    const Observer nobody;
    ProgressMeter meter(nobody, 100, profile_);
    EXPECT_NO_THROW(meter.show({1, 0, 1}));
    EXPECT_NO_THROW(meter.show_phase(Phase::done, 1));
}

}  // namespace
}  // namespace millrace::engine
