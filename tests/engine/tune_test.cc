// The rules of tuning on made-up measurements, and what is kept of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "engine/identity.h"
#include "engine/tune_choice.h"
#include "engine/tune_live.h"
#include "engine/tune_settings.h"
#include "engine/tune_store.h"
#include "engine/tune_why.h"
#include "engine/tuning.h"
#include "support/fake_session.h"
#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

using testing::HasSubstr;

TunePoint point(TunedSettings settings, std::vector<double> rates) { return {settings, std::move(rates), 0.1, 30}; }

TunedSettings batch_of(int batch) { return {.batch = batch, .workers = 2, .threads = 1}; }

TEST(TuneChoice, TakesTheMedianOfWhatWasMeasured) {
    EXPECT_EQ(point({}, {30, 10, 20}).fps(), 20);
    EXPECT_EQ(point({}, {30, 10, 20, 40}).fps(), 25);
    EXPECT_DOUBLE_EQ(point({}, {30, 10, 20}).spread(), 1);
}

TEST(TuneChoice, SmallestWithinTwoPercent) {
    EXPECT_EQ(choose({point(batch_of(1), {80}), point(batch_of(4), {100}), point(batch_of(2), {98.1})}).settings.batch,
              2);
    EXPECT_EQ(choose({point(batch_of(1), {80}), point(batch_of(4), {100}), point(batch_of(2), {97.9})}).settings.batch,
              4);
}

TEST(TuneChoice, WithinTheNoiseTheSmallestToo) {
    EXPECT_EQ(choose({point(batch_of(1), {95}), point(batch_of(2), {92, 100, 104})}).settings.batch, 1);
    EXPECT_EQ(choose({point(batch_of(1), {93}), point(batch_of(2), {92, 100, 104})}).settings.batch, 2);
}

TEST(TuneChoice, PrecisionAndEnginesMustBeWorthIt) {
    TunedSettings half = batch_of(1);
    TunedSettings full = batch_of(8);
    full.fp32 = true;
    TunedSettings engine = batch_of(1);
    engine.tensorrt = true;
    EXPECT_EQ(choose({point(half, {101}), point(engine, {101}), point(full, {100})}).settings, full);
    EXPECT_EQ(choose({point(half, {150}), point(engine, {151}), point(full, {100})}).settings, half);
}

TEST(TuneChoice, ASweepEndsAfterTwoFlatSteps) {
    EXPECT_TRUE(still_rises({}));
    EXPECT_TRUE(still_rises(std::vector<double>{10}));
    EXPECT_TRUE(still_rises(std::vector<double>{10, 10.2}));
    EXPECT_FALSE(still_rises(std::vector<double>{10, 10.2, 10.4}));
    EXPECT_TRUE(still_rises(std::vector<double>{10, 10.2, 10.6}));
    EXPECT_FALSE(still_rises(std::vector<double>{10, 20, 19, 18}));
    EXPECT_TRUE(still_rises(std::vector<double>{10, 20, 19, 30}));
}

TEST(TuneChoice, ThreadsAreDoubledUpToTheCores) {
    EXPECT_THAT(thread_counts(1), testing::ElementsAre(1));
    EXPECT_THAT(thread_counts(8), testing::ElementsAre(1, 2, 4, 8));
    EXPECT_THAT(thread_counts(6), testing::ElementsAre(1, 2, 4, 6));
}

TEST(TuneChoice, AFrameMoreOrLessIsNoDifference) {
    EXPECT_DOUBLE_EQ(told_by(1), 1);
    EXPECT_DOUBLE_EQ(told_by(14), 1.0 / 14);
    EXPECT_DOUBLE_EQ(told_by(50), worthwhile);
    EXPECT_DOUBLE_EQ(told_by(5000), worthwhile);
    EXPECT_DOUBLE_EQ(told_by(0), 1);
}

TEST(TuneChoice, WhatIsSlowerInWholeRunsGoes) {
    EXPECT_EQ(veto_of(0.019, 1000, batch_of(8), batch_of(1)), Veto::none);
    EXPECT_EQ(veto_of(0.021, 1000, batch_of(8), batch_of(1)), Veto::slower);
    EXPECT_EQ(veto_of(-0.5, 1, batch_of(8), batch_of(1)), Veto::none);
    EXPECT_EQ(why_not({batch_of(8), batch_of(1), 0.019, 1000}), "");
    EXPECT_EQ(
        why_not({batch_of(8), batch_of(1), 0.1, 1000}),
        "batch 8, 2 runs at once of 1 thread is slower beside decoder and encoder than batch 1, 2 runs at once of "
        "1 thread, which stays");
}

TEST(TuneChoice, WhatFewFramesCannotTellIsLeftToWhatCostsLess) {
    EXPECT_EQ(veto_of(0.07, 14, batch_of(8), batch_of(1)), Veto::untold);
    EXPECT_EQ(veto_of(0.07, 14, batch_of(1), batch_of(8)), Veto::none);
    EXPECT_EQ(veto_of(0.08, 14, batch_of(1), batch_of(8)), Veto::slower);
    EXPECT_EQ(why_not({batch_of(8), batch_of(1), 0.041, 14}),
              "batch 8, 2 runs at once of 1 thread was 4.1 % slower beside decoder and encoder than batch 1, 2 runs at "
              "once of 1 thread, which costs less and stays: runs of 14 frames cannot tell less than 7.1 %");
}

TEST(TuneChoice, LanesGrowUnlessAFixedNumberGainsWhatCanBeTold) {
    const std::vector<int> lanes{0, 1, 2};
    const auto choice = [&lanes](std::vector<double> rates, std::int64_t frames) {
        return choose_lanes(rates, lanes, frames);
    };
    EXPECT_EQ(choice({10, 9, 10.1}, 1000).lanes, 0);
    EXPECT_EQ(choice({10, 9, 10.1}, 1000).why, "no fixed number is faster than growing them as needed");
    EXPECT_EQ(choice({10, 9, 10.5}, 1000).lanes, 2);
    EXPECT_EQ(choice({10, 9, 10.5}, 1000).why, "2 is faster than growing them as needed");
    EXPECT_EQ(choice({10, 9, 10.5}, 14).lanes, 0);
    EXPECT_EQ(choice({10, 9, 10.5}, 14).why,
              "they grow as needed: no fixed number gained the 7.1 % that runs of 14 frames can tell");
    EXPECT_EQ(choice({10, 9, 12}, 14).lanes, 2);
    EXPECT_EQ(choice({10, 10.5, 12}, 1).why,
              "they grow as needed: no fixed number gained the 100.0 % that runs of 1 frame can tell");
}

TEST(TuneChoice, FewFramesAreSaidWithWhatWouldGiveMore) {
    EXPECT_FALSE(few_of({}));
    EXPECT_FALSE(few_of(std::vector<Figure>{{0.1, enough_frames}, {100, 5000}}));
    const auto slow = few_of(std::vector<Figure>{{2, 6}, {1.5, 14}, {100, 5000}});
    ASSERT_TRUE(slow);
    EXPECT_EQ(slow->frames, 6);
    EXPECT_EQ(slow->seconds, 400);  // 1.25 * 24 / 1.5 frames a second, twenty times
    EXPECT_FALSE(slow->longer_clip);
    const auto brief = few_of(std::vector<Figure>{{200, 10, true}, {100, 5000}});
    ASSERT_TRUE(brief);
    EXPECT_EQ(brief->frames, 10);
    EXPECT_EQ(brief->seconds, 0);
    EXPECT_TRUE(brief->longer_clip);
    EXPECT_EQ(few_of(std::vector<Figure>{{2.01, 6}})->seconds, 300);
}

TEST(TuneSettings, AreWrittenAndRead) {
    const TunedSettings all{8, 2, 4, 3, true, true};
    EXPECT_EQ(settings_from_json(to_json(all)), all);
    EXPECT_EQ(to_json(TunedSettings{}).dump(), "{}");
    EXPECT_EQ(to_text(all), "batch 8, 2 runs at once of 4 threads, fp32, TensorRT, 3 lanes");
    EXPECT_EQ(to_text({}), "nothing");
    for (const char* text : {"[]", R"({"batch": 0})", R"({"batch": 1.5})", R"({"batch": "8"})", R"({"fp32": 1})",
                             R"({"lanes": 5000})", R"({"speed": 9})"}) {
        EXPECT_EQ(settings_from_json(nlohmann::json::parse(text)), std::nullopt) << text;
    }
}

TEST(TuneSettings, WhatTheUserSaysCounts) {
    const TunedSettings all{8, 2, 4, 3, true, true};
    const infer::ModelDescription model = test::fake_model();
    EXPECT_EQ(left_open(all, {}, model), all);
    Job job;
    job.model.batch = 4;
    EXPECT_EQ(left_open(all, job, model), (TunedSettings{0, 2, 4, 3, true, true}));
    job = {};
    job.model.threads = 1;
    job.run.lanes = 1;
    EXPECT_EQ(left_open(all, job, model), (TunedSettings{8, 0, 0, 0, true, true}));
    job = {};
    job.run.strictness = Strictness::strict;
    EXPECT_EQ(left_open(all, job, model), (TunedSettings{8, 2, 4, 3, true, false}));
    job = {};
    job.model.precision = Precision::fp16;
    EXPECT_EQ(left_open(all, job, model), (TunedSettings{8, 2, 4, 3, false, true}));
    job = {};
    job.model.runtime = ModelRuntime::cuda;
    EXPECT_EQ(left_open(all, job, model), (TunedSettings{8, 2, 4, 3, true, false}));
}

TEST(TuneSettings, ABatchThatIsStatedStays) {
    const TunedSettings found{.batch = 8};
    infer::ModelDescription model = test::fake_model();
    for (const char* origin : {"command line", "model.json", "metadata"}) {
        model.origins["batch"] = origin;
        EXPECT_EQ(left_open(found, {}, model), TunedSettings{}) << origin;
    }
    model.origins["batch"] = "shape";
    EXPECT_EQ(left_open(found, {}, model), found);
    model.inputs[0].desc.shape[0] = 2;
    EXPECT_EQ(left_open(found, {}, model), TunedSettings{});
    model.inputs[0].desc.shape[0] = -1;
    model.states = {{0, 0}};
    EXPECT_EQ(left_open(found, {}, model), TunedSettings{});
}

class Store : public testing::Test {
  protected:
    [[nodiscard]] std::string file() const { return folder_ / "tune"; }
    void rewrite(const std::function<std::string(std::string)>& change) const {
        std::ifstream in(path_);
        std::stringstream text;
        text << in.rdbuf();
        std::ofstream(path_) << change(text.str());
    }
    void keep() { path_ = TuneStore(file()).save(key_, {settings_, "libx264, preset default", 0, ""}, {{"fps", 9}}); }

    test::TemporaryFolder folder_;
    TuneKey key_{{{"model", "abc"}, {"device", "cpu"}}, {{"runtime", "ONNX Runtime 1.31.1"}}};
    TunedSettings settings_{.batch = 8, .workers = 2, .threads = 1};
    std::string path_;
};

TEST_F(Store, GivesBackWhatWasKept) {
    EXPECT_FALSE(TuneStore(file()).find(key_).tuning);
    EXPECT_EQ(TuneStore(file()).find(key_).problem, "");
    keep();
    const FoundTuning found = TuneStore(file()).find(key_);
    ASSERT_TRUE(found.tuning) << found.problem;
    EXPECT_EQ(found.tuning->settings, settings_);
    EXPECT_EQ(found.tuning->encoder, "libx264, preset default");
    EXPECT_EQ(found.tuning->path, path_);
    EXPECT_GT(found.tuning->at, 1.7e9);
    settings_.batch = 4;
    keep();
    EXPECT_EQ(TuneStore(file()).find(key_).tuning->settings.batch, 4);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file()), {}), 1);  // nothing half written is left
    key_.place["model"] = "abd";
    EXPECT_FALSE(TuneStore(file()).find(key_).tuning);
}

TEST_F(Store, SaysWhyAFileIsNotTaken) {
    const auto problem = [this](const std::function<std::string(std::string)>& change) {
        keep();
        rewrite(change);
        const FoundTuning found = TuneStore(file()).find(key_);
        EXPECT_FALSE(found.tuning);
        EXPECT_THAT(found.problem, HasSubstr(path_));
        EXPECT_THAT(found.problem, HasSubstr("'millrace tune' makes it anew"));
        return found.problem;
    };
    const auto with = [](const char* member, const nlohmann::json& value) {
        return [=](const std::string& text) {
            nlohmann::json body = nlohmann::json::parse(text);
            body[member] = value;
            return body.dump();
        };
    };
    EXPECT_THAT(problem([](const std::string& text) { return text.substr(0, text.size() / 2); }), HasSubstr("damaged"));
    EXPECT_THAT(problem([](const std::string&) { return ""; }), HasSubstr("damaged"));
    EXPECT_THAT(problem([](const std::string&) { return "[1]"; }), HasSubstr("another version"));
    EXPECT_THAT(problem(with("format", 2)), HasSubstr("another version of Millrace"));
    EXPECT_THAT(problem(with("settings", {{"batch", -1}})), HasSubstr("damaged"));
    EXPECT_THAT(problem(with("at", "now")), HasSubstr("damaged"));
    EXPECT_THAT(problem(with("place", {{"model", "other"}})), HasSubstr("another model or machine"));
    EXPECT_THAT(problem(with("versions", {{"runtime", "ONNX Runtime 1.30.0"}})),
                HasSubstr("runtime was ONNX Runtime 1.30.0, and is ONNX Runtime 1.31.1"));
}

TEST(LiveTimes, CountFromWhenAFrameWasDue) {
    const infer::ModelDescription model = [] {
        infer::ModelDescription made = test::fake_model();
        made.batch = 4;
        return made;
    }();
    test::FakeSession session(model, {4, 4}, {});
    pipeline::ModelPlan plan;
    plan.model = model;
    plan.workers = 2;
    const LiveTimes times = run_live(session, plan, 1, {200, 0.5, std::chrono::milliseconds(1000)}, {});
    EXPECT_EQ(times.frames, 100);
    EXPECT_GE(times.mean_batch, 3.9);  // nothing leaves before it is full
    EXPECT_GE(times.p99, 0.014);       // the first of four waits for three more, 5 ms apart
    EXPECT_GE(times.p99, times.p50);
    EXPECT_GE(times.worst, times.p99);
    EXPECT_TRUE(times.keeps_up);
}

TEST(LiveTimes, AModelThatIsTooSlowDoesNotKeepUp) {
    const infer::ModelDescription model = test::fake_model();
    test::FakeSession session(model, {4, 4}, {1, [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }});
    pipeline::ModelPlan plan;
    plan.model = model;
    const LiveTimes times = run_live(session, plan, 1, {400, 0.5, std::chrono::milliseconds(10)}, {});
    EXPECT_FALSE(times.keeps_up);
    EXPECT_LT(times.frames, 40);
    EXPECT_GT(times.ceiling_fps, 0);
    EXPECT_LE(times.ceiling_fps, 50);
}

}  // namespace
}  // namespace millrace::engine
