#pragma once
// How long frames of a live source wait, by batch and by when a batch leaves that is not full.

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "engine/tune_meter.h"
#include "infer/session.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Frames that come one by one, and how long to look.
struct LiveRate {
    double fps = 25;
    double seconds = 3;
    std::chrono::milliseconds timeout{50};  ///< a batch leaves when its oldest frame waited this long
};

/// Times are from when a frame was due until its result was there.
struct LiveTimes {
    double fps = 0;          ///< results a second, while frames came
    double ceiling_fps = 0;  ///< that runs so filled could give, if they never waited: throughput
    double p50 = 0;
    double p99 = 0;
    double worst = 0;
    double mean_batch = 0;  ///< frames in a run
    int frames = 0;
    bool keeps_up = false;  ///< in the second half as many results came as frames
};

/// The pipeline's own batcher and model stage, fed at a rate. A frame that finds no room waits, and its wait counts.
/// Throws what the session throws, Error(interrupted).
[[nodiscard]] LiveTimes run_live(infer::Session& session, const pipeline::ModelPlan& plan, int entries_a_frame,
                                 const LiveRate& rate, const std::stop_token& stop);

/// All of it, for how often and when.
struct LiveSearch {
    double fps = 25;
    const Job& job;
    const TimeLeft& time;
    std::stop_token stop;
};

/// Batches and timeouts one after the other, into body["live"]: the points, and the one whose slowest frames are
/// soonest done.
void measure_live(ModelMeter& meter, const LiveSearch& search, const std::function<void(const std::string&)>& progress,
                  nlohmann::json& body);

}  // namespace millrace::engine
