#include "pipeline/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipeline {

namespace {

constexpr std::array flow{Stage::decode, Stage::to_tensor, Stage::model, Stage::to_picture, Stage::encode};

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

/// From here on a part of the machine counts as all at work.
constexpr double full_share = 0.9;
/// Below this part of every ceiling no stage limits.
constexpr double limiting_share = 0.6;
/// Beginning and end are a small part of a run that takes longer.
constexpr double long_seconds = 2;

bool cores_are_full(const RunFacts& run) { return run.cores > 0 && run.cores_at_work > full_share * run.cores; }

// "all 16 cores are at work", "its one core is at work"
std::string full_cores(const RunFacts& run) {
    return run.cores == 1 ? "the one core is at work all the time" : fmt::format("all {} cores are at work", run.cores);
}

std::string model_advice(const StageSummary& stage, const RunFacts& run) {
    if (run.kind == ModelKind::generator) return "a faster script would move it";
    const char* what = run.kind == ModelKind::script ? "script" : "model";
    const char* better = run.kind == ModelKind::script ? "faster" : "smaller";
    if (run.kernel_share > full_share) {
        return fmt::format("kernels ran for {:.0f} % of the time: a {} {} would move it", 100 * run.kernel_share,
                           better, what);
    }
    if (cores_are_full(run)) return fmt::format("{}: a {} {} would move it", full_cores(run), better, what);
    if (run.kind == ModelKind::script && stage.workers >= run.segments && run.segments > 0) {
        return "a faster script, --batch, or --script-workers with shorter segments (--segment-length) would move it";
    }
    if (run.kind == ModelKind::model && run.kernel_share == 0) {
        return "a smaller model would move it; `millrace tune` finds the best --batch and --model-workers";
    }
    return fmt::format("a {} {}, --{}-workers or --batch would move it", better, what, what);
}

// Of decoding and conversions, which lanes do side by side.
std::string lanes_advice(const StageSummary& stage, const RunFacts& run) {
    const char* does = stage.stage == Stage::decode ? "decode" : "convert";
    if (cores_are_full(run)) return fmt::format("{}: more of them would move it", full_cores(run));
    if (run.segments == 1 && !run.one_segment_reason.empty()) {
        return fmt::format("there is one segment to {}: {}", does, run.one_segment_reason);
    }
    if (run.segments > 0 && stage.workers >= run.segments) {
        return fmt::format("{}: --segment-length makes more, to {} at once",
                           run.segments == 1 ? "there is one segment" : "every segment has its lane", does);
    }
    if (run.kernel_share == 0 && run.cores > 0 && stage.workers >= run.cores) {
        return fmt::format("there is a lane for every core: more cores would move it, or fewer programs beside");
    }
    return fmt::format("--lanes {}s more segments at once", does);
}

// Of encoders that leave cores idle there could be more, up to one a core: beyond that others have the cores.
std::string encode_advice(const StageSummary& stage, const RunFacts& run) {
    if (run.encoders == Encoders::on_gpu || stage.workers >= run.cores || cores_are_full(run)) {
        return "a faster -preset would move it";
    }
    if (run.segments > 0 && stage.workers >= run.segments) {
        if (run.segments == 1 && !run.one_segment_reason.empty()) {
            return fmt::format("there is one segment to encode: {}; a faster -preset would move it",
                               run.one_segment_reason);
        }
        return "a faster -preset, or shorter segments (--segment-length), encoded side by side, would move it";
    }
    return "a faster -preset or more --lanes would move it";
}

std::string advice(const StageSummary& stage, const RunFacts& run) {
    switch (stage.stage) {
        case Stage::decode:
        case Stage::to_tensor:
            return lanes_advice(stage, run);
        case Stage::to_picture:
            if (run.kind == ModelKind::generator || run.kind == ModelKind::caller)
                return "the thread that makes frames does it, between them";
            return lanes_advice(stage, run);
        case Stage::model:
            return model_advice(stage, run);
        case Stage::encode:
            return encode_advice(stage, run);
        case Stage::join:
            return "a faster disk would move it";
    }
    return "";
}

std::string nothing_limits(const StageSummary& lowest, const RunFacts& run) {
    if (run.kind == ModelKind::caller) {
        return fmt::format(
            "frames came slower than they can be encoded: {:.1f} fps, {:.0f} % of the lowest ceiling, "
            "{:.1f} of {}; the program that makes them limits",
            run.fps, 100 * run.fps / lowest.ceiling_fps, lowest.ceiling_fps, name(lowest.stage));
    }
    const std::string why = cores_are_full(run) ? full_cores(run)
                            : run.seconds < long_seconds
                                ? fmt::format("much of {:.1f} s is their beginning and end", run.seconds)
                                : std::string("they waited for one another, or for cores that other programs had");
    return fmt::format("no stage limits: {:.1f} fps, {:.0f} % of the lowest ceiling, {:.1f} of {}; {}", run.fps,
                       100 * run.fps / lowest.ceiling_fps, lowest.ceiling_fps, name(lowest.stage), why);
}

// The stage on whose threads a stage runs: the conversions are done by their neighbours.
Stage host_of(Stage stage, PictureMaking making) {
    if (stage == Stage::to_tensor) return Stage::decode;
    if (stage == Stage::to_picture) return making == PictureMaking::by_makers ? Stage::model : Stage::encode;
    return stage;
}

// What the threads of a stage did, with all their stages.
struct ThreadTime {
    double busy = 0;
    double workers = 1;  ///< on average, from the first that they did to the last
};

ThreadTime threads_of(const Profile& profile, Stage host, PictureMaking making) {
    ThreadTime total;
    double there = 0;  // working or waiting
    Clock::time_point began = Clock::time_point::max();
    Clock::time_point ended = Clock::time_point::min();
    for (const Stage stage : flow) {
        if (host_of(stage, making) != host) continue;
        const StageSums sums = profile.sums(stage);
        total.busy += seconds(sums.time[static_cast<std::size_t>(Activity::busy)]);
        for (const std::chrono::nanoseconds time : sums.time) there += seconds(time);
        began = std::min(began, sums.began);
        ended = std::max(ended, sums.ended);
    }
    // The thread that makes frames is one, and does what is nobody's stage, too.
    const bool makes_frames = host == Stage::model && making == PictureMaking::by_makers;
    if (began < ended && !makes_frames) total.workers = there / seconds(ended - began);
    return total;
}

StageSummary summarize(const Profile& profile, Stage stage, PictureMaking making) {
    const StageSums sums = profile.sums(stage);
    const Stage host = host_of(stage, making);
    StageSummary summary;
    summary.stage = stage;
    summary.frames = sums.frames;
    summary.busy = seconds(sums.time[static_cast<std::size_t>(Activity::busy)]);
    summary.wait_input = seconds(sums.time[static_cast<std::size_t>(Activity::wait_input)]);
    summary.wait_output = seconds(sums.time[static_cast<std::size_t>(Activity::wait_output)]);
    summary.workers = profile.sums(host).workers_peak;
    summary.gpu = seconds(sums.gpu);
    if (summary.busy <= 0) return summary;
    const ThreadTime threads = stage == Stage::join ? ThreadTime{summary.busy} : threads_of(profile, host, making);
    // A worker enqueues its next frame while the GPU has the one before: the longer of the two bounds it.
    summary.ceiling_fps = static_cast<double>(summary.frames) * threads.workers / std::max(threads.busy, summary.gpu);
    return summary;
}

}  // namespace

std::vector<StageSummary> summarize(const Profile& profile, PictureMaking making) {
    std::vector<StageSummary> stages;
    for (const Stage stage :
         {Stage::decode, Stage::to_tensor, Stage::model, Stage::to_picture, Stage::encode, Stage::join}) {
        StageSummary summary = summarize(profile, stage, making);
        if (summary.busy > 0) stages.push_back(summary);
    }
    return stages;
}

Verdict judge(const std::vector<StageSummary>& stages, const RunFacts& run) {
    const StageSummary* limit = nullptr;
    for (const StageSummary& stage : stages) {
        if (stage.stage == Stage::join || stage.ceiling_fps <= 0) continue;
        // Stages on the same threads have the same ceiling: the one that takes more of their time.
        const auto rank = [](const StageSummary& one) { return std::pair(one.ceiling_fps, -one.busy); };
        if (limit == nullptr || rank(stage) < rank(*limit)) limit = &stage;
    }
    if (limit == nullptr) return {"", "nothing was left to do"};
    const double share = run.fps / limit->ceiling_fps;
    if (share < limiting_share) return {"", nothing_limits(*limit, run)};
    const char* stage = name(limit->stage);
    return {stage, fmt::format("{} limits: {:.1f} fps, {:.0f} % of its ceiling of {:.1f}; {}", stage, run.fps,
                               100 * share, limit->ceiling_fps, advice(*limit, run))};
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
