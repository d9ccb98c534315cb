#pragma once
// The output half of a run: pictures that somebody hands in become finished segments on disk.

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "pipeline/encoder_slots.h"
#include "pipeline/failure.h"
#include "pipeline/feeder.h"
#include "pipeline/frames_in_flow.h"
#include "pipeline/job.h"
#include "pipeline/picture_maker.h"
#include "pipeline/profile.h"
#include "pipeline/push_plan.h"
#include "pipeline/segment_output.h"

namespace millrace::pipeline {

/// What a pushed run works with; outlives it.
struct PushHouse {
    const ResolvedJob& job;  ///< without a model; its plan of segments is not used
    const PushPlan& plan;
    const Backends& backends;
    SegmentLedger& ledger;
    Profile& profile;
    PicturePools& pictures;
};

/// One thread hands in frames in presentation order; each segment has a thread that encodes it, as in run_segments(),
/// at most Limits::encoders at once. What waits for them is the caller's to bound: it must have room for a segment's
/// head (EncoderSettings::context_frames, and the few that a segment begins with) beside what encoders hold.
class PushedRun {
  public:
    PushedRun(const PushHouse& house, const std::stop_token& stop);
    PushedRun(const PushedRun&) = delete;
    PushedRun& operator=(const PushedRun&) = delete;
    PushedRun(PushedRun&&) = delete;
    PushedRun& operator=(PushedRun&&) = delete;
    /// Stops what is in work, and waits for it.
    ~PushedRun();

    /// Frame number `frame`, one that the plan wants, of the encoder's picture description, with its pts and duration.
    /// Blocks while the segment has no encoder. cancelled: stopped, or something failed, which finish() throws.
    core::Push push(std::int64_t frame, device::Picture picture);
    /// There are no more frames. Blocks until all segments are on disk; their records. Throws the first failure of any
    /// thread, Error(interrupted) when stopped.
    [[nodiscard]] std::map<int, SegmentRecord> finish();
    /// Of this run. Any thread.
    [[nodiscard]] std::int64_t frames_encoded() const { return frames_encoded_.load(); }

  private:
    struct OutputThread {
        std::shared_ptr<SegmentOutput> output;
        std::atomic<bool> ended{false};
        std::jthread thread;
    };

    void begin_segment(int number, SegmentWork work);
    core::Push end_segment();
    [[nodiscard]] OutputHouse make_house();
    void start_thread(std::shared_ptr<SegmentOutput> output);

    PushHouse house_;
    std::stop_token asked_to_stop_;
    std::stop_source stop_;
    std::stop_callback<std::function<void()>> forward_;
    Failure failure_;
    EncoderSlots encoders_;
    HeldLanes held_;
    std::unique_ptr<Feeder> feeder_;
    std::shared_ptr<SegmentOutput> output_;  ///< of the segment that frames go to; null: none
    int number_ = -1;
    std::shared_ptr<ContextQueue> context_;  ///< that the next segment fills for the one in work
    std::mutex mutex_;
    std::map<int, SegmentRecord> records_;
    std::atomic<std::int64_t> frames_encoded_{0};
    std::list<OutputThread> outputs_;  ///< last: its threads use all of the above
};

}  // namespace millrace::pipeline
