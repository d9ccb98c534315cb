#pragma once
// A decode lane: a thread that reads one segment after another and feeds them on.

#include <functional>
#include <memory>

#include "media/frame_reader.h"
#include "pipeline/schedule.h"
#include "pipeline/segment_output.h"
#include "pipeline/station.h"

namespace millrace::pipeline {

/// What a lane needs of the run. References outlive the lane.
struct LaneHouse {
    const ResolvedJob& job;
    const Backends& backends;
    Schedule& schedule;
    Profile& profile;
    Failure& failure;
    Station& station;
    /// Makes the output of a segment and starts its thread.
    std::function<std::shared_ptr<SegmentOutput>(SegmentSeat)> open_output;
};

/// The body of a lane's thread: until no segment is left or the job is stopped.
void run_decode_lane(const LaneHouse& house);

}  // namespace millrace::pipeline
