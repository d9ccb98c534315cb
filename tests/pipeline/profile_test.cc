#include "pipeline/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "pipeline/verdict.h"

namespace millrace::pipeline {
namespace {

using std::chrono::milliseconds;

void add(Profile& profile, Stage stage, Activity activity, milliseconds begin, milliseconds end) {
    profile.add(stage, activity, profile.start() + begin, profile.start() + end);
}

void add(Profile& profile, Stage stage, Activity activity, milliseconds time) {
    add(profile, stage, activity, milliseconds(0), time);
}

TEST(Profile, SumsEachActivityOfEachStage) {
    Profile profile(Tracing::off);
    add(profile, Stage::decode, Activity::busy, milliseconds(30));
    add(profile, Stage::decode, Activity::busy, milliseconds(12));
    add(profile, Stage::decode, Activity::wait_output, milliseconds(5));
    add(profile, Stage::model, Activity::wait_input, milliseconds(7));
    profile.count_frames(Stage::decode);
    profile.count_frames(Stage::decode, 4);
    const StageSums decode = profile.sums(Stage::decode);
    EXPECT_EQ(decode.time[0], milliseconds(42));
    EXPECT_EQ(decode.time[1], milliseconds(0));
    EXPECT_EQ(decode.time[2], milliseconds(5));
    EXPECT_EQ(decode.frames, 5);
    EXPECT_EQ(profile.sums(Stage::model).time[1], milliseconds(7));
    EXPECT_EQ(profile.sums(Stage::encode).frames, 0);
}

TEST(Profile, CountsWorkersAndTheirPeak) {
    Profile profile(Tracing::off);
    {
        const Worker a(profile, Stage::encode);
        const Worker b(profile, Stage::encode);
        EXPECT_EQ(profile.sums(Stage::encode).workers_now, 2);
    }
    const Worker c(profile, Stage::encode);
    EXPECT_EQ(profile.sums(Stage::encode).workers_now, 1);
    EXPECT_EQ(profile.sums(Stage::encode).workers_peak, 2);
}

TEST(Profile, SumsOfSeveralThreadsAreExact) {
    Profile profile(Tracing::on);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                const Worker counted(profile, Stage::model);
                for (int j = 0; j < 500; ++j) {
                    add(profile, Stage::model, Activity::busy, milliseconds(1));
                    profile.count_frames(Stage::model);
                }
            });
        }
    }
    EXPECT_EQ(profile.sums(Stage::model).time[0], milliseconds(2000));
    EXPECT_EQ(profile.sums(Stage::model).frames, 2000);
    EXPECT_EQ(profile.sums(Stage::model).workers_now, 0);
    EXPECT_LE(profile.sums(Stage::model).workers_peak, 4);
    EXPECT_EQ(nlohmann::json::parse(profile.trace_json()).at("traceEvents").size(), 2000U);
}

TEST(Profile, OnlyTheFirstFrameIsMarked) {
    Profile profile(Tracing::off);
    EXPECT_FALSE(profile.first_frame().has_value());
    profile.mark_first_frame();
    const auto first = profile.first_frame();
    ASSERT_TRUE(first.has_value());
    std::this_thread::sleep_for(milliseconds(2));
    profile.mark_first_frame();
    EXPECT_EQ(profile.first_frame(), first);
}

TEST(Profile, TraceIsInTheChromeFormat) {
    Profile profile(Tracing::on);
    profile.add(Stage::encode, Activity::busy, profile.start() + milliseconds(3), profile.start() + milliseconds(5));
    profile.add(Stage::decode, Activity::wait_output, profile.start(), profile.start() + std::chrono::microseconds(7));
    const auto trace = nlohmann::json::parse(profile.trace_json());
    const auto& events = trace.at("traceEvents");
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].at("name"), "encode");
    EXPECT_EQ(events[0].at("ph"), "X");  // a complete event
    EXPECT_EQ(events[0].at("cat"), "busy");
    EXPECT_DOUBLE_EQ(events[0].at("ts").get<double>(), 3000);  // microseconds
    EXPECT_DOUBLE_EQ(events[0].at("dur").get<double>(), 2000);
    EXPECT_EQ(events[1].at("name"), "decode waits for output");
    EXPECT_EQ(events[1].at("cat"), "wait");
    EXPECT_DOUBLE_EQ(events[1].at("dur").get<double>(), 7);
    EXPECT_EQ(events[0].at("tid"), events[1].at("tid"));
    EXPECT_TRUE(events[0].contains("pid"));
}

TEST(Profile, NoTraceUnlessAskedFor) {
    Profile profile(Tracing::off);
    add(profile, Stage::decode, Activity::busy, milliseconds(1));
    EXPECT_TRUE(nlohmann::json::parse(profile.trace_json()).at("traceEvents").empty());
}

TEST(Profile, TimedAddsItsOwnLife) {
    Profile profile(Tracing::off);
    {
        const Timed busy(profile, Stage::join, Activity::busy);
    }
    EXPECT_GT(profile.sums(Stage::join).time[0].count(), 0);
}

TEST(Summaries, CeilingIsWhatTheWorkersWouldDoWithoutWaiting) {
    Profile profile(Tracing::off);
    {
        const Worker a(profile, Stage::decode);
        const Worker b(profile, Stage::decode);
    }
    add(profile, Stage::decode, Activity::busy, milliseconds(2000));  // two workers, half of four seconds
    add(profile, Stage::decode, Activity::wait_output, milliseconds(250), milliseconds(2250));
    profile.count_frames(Stage::decode, 100);
    add(profile, Stage::to_tensor, Activity::busy, milliseconds(500));  // on the lanes' threads
    profile.count_frames(Stage::to_tensor, 100);
    // 4.5 s of threads in 2.25 s: two lanes on average.
    const std::vector<StageSummary> stages = summarize(profile);
    ASSERT_EQ(stages.size(), 2U);  // stages that did nothing are left out
    EXPECT_EQ(stages[0].stage, Stage::decode);
    EXPECT_EQ(stages[0].workers, 2);
    EXPECT_DOUBLE_EQ(stages[0].wait_output, 2);
    EXPECT_DOUBLE_EQ(stages[0].ceiling_fps, 80);
    EXPECT_EQ(stages[1].stage, Stage::to_tensor);
    EXPECT_EQ(stages[1].workers, 2);
    EXPECT_DOUBLE_EQ(stages[1].ceiling_fps, 80);  // the threads' own
    EXPECT_EQ(judge(stages, {.fps = 60}).limiting_stage, "decode");
}

// 8 s of kernels behind 0.5 s of enqueueing them: the GPU bounds what two lanes can do.
TEST(Summaries, WorkOnAGpuBoundsWhatItsWorkersEnqueue) {
    Profile profile(Tracing::off);
    add(profile, Stage::decode, Activity::busy, milliseconds(1500));
    add(profile, Stage::decode, Activity::busy, milliseconds(2000));
    add(profile, Stage::to_tensor, Activity::busy, milliseconds(1500), milliseconds(2000));
    profile.count_frames(Stage::to_tensor, 100);
    profile.add_gpu(Stage::to_tensor, milliseconds(8000));
    const std::vector<StageSummary> stages = summarize(profile);
    ASSERT_EQ(stages.size(), 2U);
    EXPECT_DOUBLE_EQ(stages[0].gpu, 0);
    EXPECT_DOUBLE_EQ(stages[1].gpu, 8);
    EXPECT_DOUBLE_EQ(stages[1].busy, 0.5);
    EXPECT_DOUBLE_EQ(stages[1].ceiling_fps, 25);
}

TEST(Summaries, WhatAStageDoesNotDoAfterItsLastFrameIsNoLimit) {
    Profile profile(Tracing::off);
    add(profile, Stage::model, Activity::busy, milliseconds(1000));
    profile.count_frames(Stage::model, 100);
    add(profile, Stage::encode, Activity::busy, milliseconds(500), milliseconds(4000));
    add(profile, Stage::encode, Activity::wait_input, milliseconds(500));
    profile.count_frames(Stage::encode, 100);
    const std::vector<StageSummary> stages = summarize(profile);
    ASSERT_EQ(stages.size(), 2U);
    EXPECT_DOUBLE_EQ(stages[0].ceiling_fps, 100);
    EXPECT_DOUBLE_EQ(stages[1].ceiling_fps, 100 / 3.5);
    EXPECT_EQ(judge(stages, {.fps = 25}).limiting_stage, "encode");
}

TEST(Summaries, PicturesAreMadeByEncodersOrByWhoHandsFramesToThem) {
    Profile profile(Tracing::off);
    add(profile, Stage::model, Activity::busy, milliseconds(1000));
    add(profile, Stage::to_picture, Activity::busy, milliseconds(1000), milliseconds(2000));
    add(profile, Stage::encode, Activity::busy, milliseconds(4000));
    for (const Stage stage : {Stage::model, Stage::to_picture, Stage::encode}) profile.count_frames(stage, 100);
    const auto ceilings = [&](PictureMaking making) {
        std::vector<double> found;
        for (const StageSummary& stage : summarize(profile, making)) found.push_back(stage.ceiling_fps);
        return found;
    };
    EXPECT_EQ(ceilings(PictureMaking::by_makers), (std::vector<double>{50, 50, 25}));
    EXPECT_EQ(ceilings(PictureMaking::by_encoders), (std::vector<double>{100, 25, 25}));
}

TEST(LimitWatch, GoesByWhatHappenedSinceTheLastLook) {
    Profile profile(Tracing::off);
    LimitWatch watch;
    EXPECT_EQ(watch.limiting_stage(profile), "");
    add(profile, Stage::decode, Activity::busy, milliseconds(90));
    add(profile, Stage::encode, Activity::busy, milliseconds(50));
    EXPECT_EQ(watch.limiting_stage(profile), "decode");
    add(profile, Stage::encode, Activity::busy, milliseconds(40));
    EXPECT_EQ(watch.limiting_stage(profile), "encode");
    EXPECT_EQ(watch.limiting_stage(profile), "");
}

TEST(LimitWatch, SharesTheTimeAmongTheWorkers) {
    Profile profile(Tracing::off);
    LimitWatch watch;
    const Worker a(profile, Stage::decode);
    const Worker b(profile, Stage::decode);
    const Worker c(profile, Stage::encode);
    add(profile, Stage::decode, Activity::busy, milliseconds(90));
    add(profile, Stage::encode, Activity::busy, milliseconds(50));
    EXPECT_EQ(watch.limiting_stage(profile), "encode");
}

}  // namespace
}  // namespace millrace::pipeline
