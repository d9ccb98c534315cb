#include "pipeline/segment_output.h"

#include <limits>
#include <utility>

namespace millrace::pipeline {

namespace {

// With those that the model needs to be busy with one lane alone, and those that wait for their neighbours.
std::int64_t flow_limit(const ResolvedJob& job) {
    if (!job.model) return job.limits.frames_waiting;
    const infer::ModelDescription& model = job.model->model;
    return job.limits.frames_waiting + std::int64_t{model.batch} * batches_in_flight(*job.model) + model.window.after;
}

}  // namespace

SegmentOutput::SegmentOutput(const OutputHouse& house, SegmentSeat seat)
    : house_(house),
      seat_(std::move(seat)),
      stop_(house.failure.stop()),
      queue_(std::numeric_limits<std::size_t>::max()),
      in_flow_(flow_limit(house.job), house.held),
      assembler_(house.job.model ? &*house.job.model : nullptr, house.pictures.device.device()) {}

infer::FrameStamp SegmentOutput::stamp_of(const FrameTag& tag) const {
    const InputPlan& input = house_.job.input;
    const Segment& segment = seat_.segment;
    const std::int64_t number = input.index->segmentable() ? input.index->frames_before(tag.pts) -
                                                                 input.index->frames_before(segment.range.begin)
                                                           : tag.ordinal;
    const double seconds = tag.pts == core::no_pts ? 0 : core::to_seconds(tag.pts, input.video.time_base);
    return {segment.first_frame + number, tag.pts, seconds, segment.number};
}

core::Push SegmentOutput::push(FrameResult result, const std::stop_token& stop) {
    return queue_.push(std::move(result), stop);
}

core::Push SegmentOutput::admit(std::int64_t fed) {
    {
        const Timed waiting(house_.profile, Stage::decode, Activity::wait_output);
        if (!in_flow_.wait_for_room(fed, stop_)) return core::Push::cancelled;
    }
    return take_slot(fed);
}

core::Push SegmentOutput::take_slot(std::int64_t fed) {
    if (admitted_) return core::Push::pushed;
    const std::optional<std::int64_t> before = frames_before_slot();
    if (before && fed < *before) return core::Push::pushed;
    admitted_ = true;
    if (!before) return core::Push::pushed;
    const Timed waiting(house_.profile, Stage::decode, Activity::wait_output);
    const HeldLanes::Wait held(house_.held);
    EncoderSlots::Slot slot = house_.encoders.take(seat_.segment.number, stop_);
    if (!slot) return core::Push::cancelled;
    return queue_.push(std::move(slot), stop_);
}

core::Push SegmentOutput::end_input(DecodedSegment decoded) {
    if (queue_.push(std::move(decoded), stop_) == core::Push::cancelled) return core::Push::cancelled;
    return take_slot(std::numeric_limits<std::int64_t>::max());
}

bool SegmentOutput::pop(Item& item) {
    // Before it may encode nothing would go faster if this thread had more to do.
    std::optional<Timed> waiting;
    if (counted_) waiting.emplace(house_.profile, Stage::encode, Activity::wait_input);
    return queue_.pop(item, stop_) == core::Pop::popped;
}

void SegmentOutput::run() {
    if (!frames_before_slot()) counted_.emplace(house_.profile, Stage::encode);
    if (!handle_frames()) return;
    end_frames();
    if (wait_for_slot()) finish(start_record());
}

bool SegmentOutput::handle_frames() {
    while (!decoded_ || handled_ < decoded_->frames) {
        Item item;
        if (!pop(item)) return false;
        house_.profile.mark_first_frame();
        take_in(std::move(item));
        while (std::optional<FrameResult> frame = assembler_.next()) {
            handle(std::move(*frame));
            ++handled_;
            in_flow_.count_done();
        }
    }
    return true;
}

bool SegmentOutput::wait_for_slot() {
    while (frames_before_slot() && !has_slot_) {
        Item item;
        if (!pop(item)) return false;
        take_in(std::move(item));
    }
    return true;
}

void SegmentOutput::take_in(Item item) {
    if (auto* decoded = std::get_if<DecodedSegment>(&item)) {
        decoded_ = std::move(*decoded);
    } else if (auto* slot = std::get_if<EncoderSlots::Slot>(&item)) {
        has_slot_ = true;
        counted_.emplace(house_.profile, Stage::encode);
        let_in(*slot);
    } else {
        assembler_.add(std::get<FrameResult>(std::move(item)));
    }
}

SegmentRecord SegmentOutput::start_record() const {
    SegmentRecord record;
    record.segment = seat_.segment.number;
    record.frames_decoded = decoded_->decoded;
    record.frames_done = handled_;
    record.decode_errors = decoded_->decode_errors;
    record.retimed_frames = decoded_->retimed;
    record.reshaped_frames = decoded_->reshaped;
    record.corrupt_pts = decoded_->corrupt_pts;
    record.dropped_pts = decoded_->dropped_pts;
    record.missing_pts = decoded_->missing_pts;
    return record;
}

}  // namespace millrace::pipeline
