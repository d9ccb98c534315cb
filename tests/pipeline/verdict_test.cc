#include "pipeline/verdict.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace millrace::pipeline {
namespace {

StageSummary summary(Stage stage, double ceiling, int workers = 1) {
    StageSummary summary;
    summary.stage = stage;
    summary.workers = workers;
    summary.ceiling_fps = ceiling;
    return summary;
}

// A run at 90 % of its only stage's ceiling.
std::string advice(const StageSummary& stage, RunFacts run = {}) {
    run.fps = 0.9 * stage.ceiling_fps;
    const std::string text = judge({stage}, run).text;
    return text.substr(text.find("; ") + 2);
}

TEST(Verdict, TheStageWithTheLowestCeilingLimits) {
    const Verdict verdict =
        judge({summary(Stage::decode, 400), summary(Stage::model, 50), summary(Stage::encode, 90)}, {.fps = 40});
    EXPECT_EQ(verdict.limiting_stage, "model");
    EXPECT_EQ(
        verdict.text,
        "model limits: 40.0 fps, 80 % of its ceiling of 50.0; a smaller model would move it; `millrace tune` finds "
        "the best --batch and --model-workers");
}

TEST(Verdict, NamesAnOptionForEveryStageThatCanLimit) {
    EXPECT_EQ(advice(summary(Stage::decode, 10)), "--lanes decodes more segments at once");
    EXPECT_EQ(advice(summary(Stage::to_tensor, 10)), "--lanes converts more segments at once");
    EXPECT_EQ(advice(summary(Stage::to_picture, 10)), "--lanes converts more segments at once");
    EXPECT_EQ(advice(summary(Stage::encode, 10)), "a faster -preset would move it");
}

TEST(Verdict, OnAGpuWorkersAndBatchesHelpAModel) {
    EXPECT_EQ(advice(summary(Stage::model, 10), {.kernel_share = 0.5}),
              "a smaller model, --model-workers or --batch would move it");
}

TEST(Verdict, NamesAScriptsOptionsWhereOneRuns) {
    EXPECT_EQ(advice(summary(Stage::model, 10), {.kind = ModelKind::script}),
              "a faster script, --script-workers or --batch would move it");
    EXPECT_EQ(advice(summary(Stage::model, 10, 2), {.kind = ModelKind::script, .segments = 3}),
              "a faster script, --script-workers or --batch would move it");
    EXPECT_EQ(advice(summary(Stage::model, 10), {.kind = ModelKind::script, .segments = 1}),
              "a faster script, --batch, or --script-workers with shorter segments (--segment-length) would move it");
    EXPECT_EQ(advice(summary(Stage::model, 10), {.kind = ModelKind::generator}), "a faster script would move it");
}

TEST(Verdict, MoreLanesAreNoAdviceWhereNoSegmentOrNoCoreIsLeft) {
    EXPECT_EQ(advice(summary(Stage::decode, 10), {.segments = 1}),
              "there is one segment: --segment-length makes more, to decode at once");
    EXPECT_EQ(advice(summary(Stage::decode, 10, 3), {.segments = 3}),
              "every segment has its lane: --segment-length makes more, to decode at once");
    EXPECT_EQ(advice(summary(Stage::decode, 10, 3), {.segments = 4}), "--lanes decodes more segments at once");
    EXPECT_EQ(advice(summary(Stage::to_tensor, 10), {.cores = 16, .cores_at_work = 15.8, .segments = 1}),
              "all 16 cores are at work: more of them would move it");
    EXPECT_EQ(advice(summary(Stage::decode, 10), {.cores = 1, .cores_at_work = 0.98}),
              "the one core is at work all the time: more of them would move it");
    EXPECT_EQ(advice(summary(Stage::decode, 10), {.segments = 1, .one_segment_reason = "no key frame but the first"}),
              "there is one segment to decode: no key frame but the first");
    EXPECT_EQ(advice(summary(Stage::decode, 10, 2), {.cores = 2, .cores_at_work = 1.1, .segments = 9}),
              "there is a lane for every core: more cores would move it, or fewer programs beside");
    EXPECT_EQ(advice(summary(Stage::decode, 10, 2), {.cores = 2, .kernel_share = 0.5, .segments = 9}),
              "--lanes decodes more segments at once");
    EXPECT_EQ(advice(summary(Stage::decode, 10), {.cores = 16, .cores_at_work = 14}),
              "--lanes decodes more segments at once");
}

TEST(Verdict, EncodersThatLeaveCoresIdleCouldBeMore) {
    EXPECT_EQ(advice(summary(Stage::encode, 10), {.cores = 16, .cores_at_work = 6, .segments = 9}),
              "a faster -preset or more --lanes would move it");
    EXPECT_EQ(advice(summary(Stage::encode, 10, 9), {.cores = 16, .cores_at_work = 6, .segments = 9}),
              "a faster -preset, or shorter segments (--segment-length), encoded side by side, would move it");
    EXPECT_EQ(advice(summary(Stage::encode, 10, 16), {.cores = 16, .cores_at_work = 6, .segments = 99}),
              "a faster -preset would move it");
    EXPECT_EQ(advice(summary(Stage::encode, 10), {.cores = 16, .cores_at_work = 15, .segments = 9}),
              "a faster -preset would move it");
    EXPECT_EQ(advice(summary(Stage::encode, 10), {.cores = 16, .cores_at_work = 1, .encoders = Encoders::on_gpu}),
              "a faster -preset would move it");
}

TEST(Verdict, MoreWorkersAreNoAdviceWhereTheDeviceIsFull) {
    EXPECT_EQ(advice(summary(Stage::model, 10), {.cores = 2, .cores_at_work = 1.9}),
              "all 2 cores are at work: a smaller model would move it");
    EXPECT_EQ(advice(summary(Stage::model, 10), {.kind = ModelKind::script, .kernel_share = 0.981}),
              "kernels ran for 98 % of the time: a faster script would move it");
}

TEST(Verdict, FarBelowEveryCeilingNothingLimits) {
    const std::vector<StageSummary> stages{summary(Stage::decode, 400), summary(Stage::encode, 100)};
    const Verdict brief = judge(stages, {.fps = 49, .seconds = 1.24});
    EXPECT_EQ(brief.limiting_stage, "");
    EXPECT_EQ(brief.text,
              "no stage limits: 49.0 fps, 49 % of the lowest ceiling, 100.0 of encode; much of 1.2 s is their "
              "beginning and end");
    EXPECT_EQ(judge(stages, {.fps = 49, .seconds = 60}).text,
              "no stage limits: 49.0 fps, 49 % of the lowest ceiling, 100.0 of encode; they waited for one another, or "
              "for cores that other programs had");
    EXPECT_EQ(judge(stages, {.fps = 60, .seconds = 60}).limiting_stage, "encode");
    EXPECT_EQ(judge(stages, {.fps = 49, .seconds = 60, .cores = 1, .cores_at_work = 1}).text,
              "no stage limits: 49.0 fps, 49 % of the lowest ceiling, 100.0 of encode; the one core is at work all the "
              "time");
}

TEST(Verdict, FramesThatComeSlowlyAreTheirMakersAffair) {
    const std::vector<StageSummary> stages{summary(Stage::to_picture, 400), summary(Stage::encode, 100)};
    EXPECT_EQ(judge(stages, {.fps = 40, .seconds = 60, .kind = ModelKind::caller}).text,
              "frames came slower than they can be encoded: 40.0 fps, 40 % of the lowest ceiling, 100.0 of encode; the "
              "program that makes them limits");
    EXPECT_EQ(advice(summary(Stage::to_picture, 10), {.kind = ModelKind::caller}),
              "the thread that makes frames does it, between them");
    EXPECT_EQ(judge(stages, {.fps = 90, .kind = ModelKind::caller}).limiting_stage, "encode");
}

TEST(Verdict, JoiningAndStagesWithoutWorkDoNotLimit) {
    EXPECT_EQ(judge({summary(Stage::join, 1), summary(Stage::decode, 0), summary(Stage::encode, 30)}, {.fps = 20})
                  .limiting_stage,
              "encode");
    EXPECT_EQ(judge({}, {}).limiting_stage, "");
    EXPECT_EQ(judge({}, {}).text, "nothing was left to do");
}

}  // namespace
}  // namespace millrace::pipeline
