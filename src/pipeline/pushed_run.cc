#include "pipeline/pushed_run.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"

namespace millrace::pipeline {

PushedRun::PushedRun(const PushHouse& house, const std::stop_token& stop)
    : house_(house),
      asked_to_stop_(stop),
      forward_(stop, [this] { stop_.request_stop(); }),
      failure_(stop_.get_token()),
      feeder_(make_picture_feeder(house.profile, failure_.stop())),
      records_(house.plan.finished()) {
    encoders_.add(house.job.limits.encoders);
}

PushedRun::~PushedRun() { stop_.request_stop(); }

core::Push PushedRun::push(std::int64_t frame, device::Picture picture) {
    const int number = house_.plan.segment_of(frame);
    if (number != number_) {
        if (end_segment() == core::Push::cancelled) return core::Push::cancelled;
        begin_segment(number, house_.plan.work_on(number).value());
    }
    if (output_->admit(feeder_->frames()) == core::Push::cancelled) return core::Push::cancelled;
    if (feeder_->push(std::move(picture), FrameRole::own) == core::Push::cancelled) return core::Push::cancelled;
    return feeder_->frames() == house_.plan.length() ? end_segment() : core::Push::pushed;
}

std::map<int, SegmentRecord> PushedRun::finish() {
    if (asked_to_stop_.stop_requested() || failure_.stop().stop_requested()) {
        // Before anybody takes what has come so far for all there is, and a segment without its context for finished.
        stop_.request_stop();
    } else {
        (void)end_segment();
        if (context_) context_->close();
    }
    for (OutputThread& output : outputs_) output.thread.join();
    failure_.rethrow();
    if (failure_.stop().stop_requested()) {
        throw core::Error(core::ErrorCode::interrupted,
                          fmt::format("{}: stopped with {} segments finished; write the same frames to the same output "
                                      "to continue",
                                      house_.job.output, records_.size()));
    }
    return std::move(records_);
}

void PushedRun::begin_segment(int number, SegmentWork work) {
    SegmentSeat seat;
    seat.segment.number = number;
    seat.segment.first_frame = number * house_.plan.length();
    seat.work = work;
    // The head of this one is wanted by the one before, where that is in work.
    if (number == number_ + 1) seat.gives_context = std::move(context_);
    context_.reset();
    const bool takes_context = work == SegmentWork::full && house_.plan.context_frames() > 0;
    if (takes_context) seat.context = context_ = std::make_shared<ContextQueue>();
    number_ = number;
    output_ = make_video_output(make_house(), std::move(seat));
    feeder_->begin(output_);
    start_thread(output_);
}

core::Push PushedRun::end_segment() {
    if (!output_) return core::Push::pushed;
    DecodedSegment all;
    all.frames = all.decoded = feeder_->frames();
    (void)feeder_->end();
    return std::exchange(output_, nullptr)->end_input(all);
}

OutputHouse PushedRun::make_house() {
    return {house_.job,
            house_.backends,
            house_.ledger,
            house_.profile,
            failure_,
            house_.pictures,
            encoders_,
            held_,
            0,
            [this](const SegmentRecord& record) {
                const std::lock_guard lock(mutex_);
                records_.insert_or_assign(record.segment, record);
            },
            [this](std::int64_t frames) { frames_encoded_ += frames; }};
}

void PushedRun::start_thread(std::shared_ptr<SegmentOutput> output) {
    outputs_.remove_if([](const OutputThread& thread) { return thread.ended.load(); });
    OutputThread& thread = outputs_.emplace_back();
    thread.output = std::move(output);
    thread.thread = std::jthread([this, &thread] {
        guarded(failure_, [&] { thread.output->run(); });
        thread.output.reset();
        thread.ended = true;
    });
}

}  // namespace millrace::pipeline
