#include "pipeline/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipeline {

namespace {

constexpr std::array flow{Stage::decode, Stage::to_tensor, Stage::model, Stage::to_picture, Stage::encode};

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

const char* advice(ModelKind kind) {
    switch (kind) {
        case ModelKind::model:
            return "a smaller model, --model-workers or --batch would move it";
        case ModelKind::script:
            return "a faster script, --script-workers or --batch would move it";
        case ModelKind::generator:
            break;
    }
    return "a faster script would move it";
}

const char* advice(Stage stage, ModelKind kind) {
    switch (stage) {
        case Stage::decode:
            return "--lanes decodes more segments at once";
        case Stage::to_tensor:
        case Stage::to_picture:
            return "--lanes converts more segments at once";
        case Stage::model:
            return advice(kind);
        case Stage::encode:
            return "a faster -preset would move it";
        case Stage::join:
            return "a faster disk would move it";
    }
    return "";
}

// The stage on whose threads a stage runs: the conversions are done by their neighbours.
Stage host_of(Stage stage) {
    if (stage == Stage::to_tensor) return Stage::decode;
    return stage == Stage::to_picture ? Stage::encode : stage;
}

// What the threads of a stage did, with all their stages.
struct ThreadTime {
    double busy = 0;
    double there = 0;  ///< working or waiting
};

ThreadTime threads_of(const Profile& profile, Stage host) {
    ThreadTime total;
    for (const Stage stage : flow) {
        if (host_of(stage) != host) continue;
        const StageSums sums = profile.sums(stage);
        total.busy += seconds(sums.time[static_cast<std::size_t>(Activity::busy)]);
        for (const std::chrono::nanoseconds time : sums.time) total.there += seconds(time);
    }
    return total;
}

StageSummary summarize(const Profile& profile, Stage stage, double run_seconds) {
    const StageSums sums = profile.sums(stage);
    StageSummary summary;
    summary.stage = stage;
    summary.frames = sums.frames;
    summary.busy = seconds(sums.time[static_cast<std::size_t>(Activity::busy)]);
    summary.wait_input = seconds(sums.time[static_cast<std::size_t>(Activity::wait_input)]);
    summary.wait_output = seconds(sums.time[static_cast<std::size_t>(Activity::wait_output)]);
    summary.workers = profile.sums(host_of(stage)).workers_peak;
    summary.gpu = seconds(sums.gpu);
    if (summary.busy <= 0) return summary;
    const ThreadTime threads =
        stage == Stage::join ? ThreadTime{summary.busy, run_seconds} : threads_of(profile, host_of(stage));
    // A worker enqueues its next frame while the GPU has the one before: the longer of the two bounds it.
    summary.ceiling_fps =
        static_cast<double>(summary.frames) * (threads.there / run_seconds) / std::max(threads.busy, summary.gpu);
    return summary;
}

}  // namespace

std::vector<StageSummary> summarize(const Profile& profile, double run_seconds) {
    std::vector<StageSummary> stages;
    for (const Stage stage :
         {Stage::decode, Stage::to_tensor, Stage::model, Stage::to_picture, Stage::encode, Stage::join}) {
        StageSummary summary = summarize(profile, stage, run_seconds);
        if (summary.busy > 0) stages.push_back(summary);
    }
    return stages;
}

Verdict judge(const std::vector<StageSummary>& stages, double fps, ModelKind kind) {
    const StageSummary* limit = nullptr;
    for (const StageSummary& stage : stages) {
        if (stage.stage == Stage::join || stage.ceiling_fps <= 0) continue;
        // Stages on the same threads have the same ceiling: the one that takes more of their time.
        const auto rank = [](const StageSummary& one) { return std::pair(one.ceiling_fps, -one.busy); };
        if (limit == nullptr || rank(stage) < rank(*limit)) limit = &stage;
    }
    if (limit == nullptr) return {"", "nothing was left to do"};
    const char* stage = name(limit->stage);
    return {stage, fmt::format("{} limits: {:.1f} fps, {:.0f} % of its ceiling of {:.1f}; {}", stage, fps,
                               100 * fps / limit->ceiling_fps, limit->ceiling_fps, advice(limit->stage, kind))};
}

std::string LimitWatch::limiting_stage(const Profile& profile) {
    std::string limit;
    double most = 0;
    for (const Stage stage : flow) {
        const StageSums sums = profile.sums(stage);
        const auto busy = sums.time[static_cast<std::size_t>(Activity::busy)];
        auto& before = busy_.at(static_cast<std::size_t>(stage));
        const double share = seconds(busy - before) / std::max(1, sums.workers_now);
        before = busy;
        if (share > most) {
            most = share;
            limit = name(stage);
        }
    }
    return limit;
}

}  // namespace millrace::pipeline
