#include "pipeline/decode_lane.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "pipeline/damage.h"

namespace millrace::pipeline {

namespace {

// Of a reader's statistics, when a segment began.
struct Counted {
    std::int64_t decode_errors = 0;
    std::int64_t retimed_frames = 0;
    std::size_t missing = 0;
};

class Lane {
  public:
    explicit Lane(const LaneHouse& house)
        : house_(house), input_(house.job.input), feeder_(house.station.make_feeder()), stop_(house.failure.stop()) {
        const Timed busy(house_.profile, Stage::decode, Activity::busy);
        reader_ = house.backends.open_reader(house.station.index());
    }

    // False when the job was stopped.
    bool read(const SegmentSeat& seat) {
        start(seat);
        const std::shared_ptr<SegmentOutput> output = house_.open_output(seat);
        feeder_->begin(output);
        device::Picture picture;
        while (wants_more(seat) && next(picture) && !is_past(seat, picture)) {
            if (stop_.stop_requested() || feed(seat, *output, std::move(picture)) == core::Push::cancelled)
                return false;
        }
        if (feeder_->end() == core::Push::cancelled) return false;
        house_.station.flush();
        count_reader_stats(seat.segment.range);
        decoded_.frames = feeder_->frames();
        return output->end_input(std::move(decoded_)) == core::Push::pushed;
    }

  private:
    void start(const SegmentSeat& seat) {
        decoded_ = {};
        behind_enough_ = 0;
        before_ = {reader_->stats().decode_errors, reader_->stats().retimed_frames,
                   reader_->stats().missing_pts.size()};
        const Timed busy(house_.profile, Stage::decode, Activity::busy);
        if (!input_.index->segmentable()) return reader_->start({});
        reader_->start(with_halo(*input_.index, seat.segment.range, window().before, window().after));
    }

    [[nodiscard]] infer::Window window() const {
        return house_.job.model ? house_.job.model->model.window : infer::Window{};
    }

    // The frames wanted of a finished segment's head, or by --frames, are there; what follows is only for the last of
    // them to look at.
    [[nodiscard]] bool has_enough(const SegmentSeat& seat) const {
        if (input_.frame_limit && feeder_->frames() >= *input_.frame_limit) return true;
        const int head = context_frames(house_.job);
        return seat.work == SegmentWork::head && feeder_->frames() >= head;
    }

    [[nodiscard]] bool wants_more(const SegmentSeat& seat) const {
        return !has_enough(seat) || behind_enough_ < window().after;
    }

    // A file without a usable index is read from its beginning, as far as it is needed.
    [[nodiscard]] bool is_past(const SegmentSeat& seat, const device::Picture& picture) const {
        return !input_.index->segmentable() && window().after == 0 && picture.pts >= seat.segment.range.end;
    }

    bool next(device::Picture& picture) {
        const Timed busy(house_.profile, Stage::decode, Activity::busy);
        if (!reader_->next(picture)) return false;
        house_.profile.count_frames(Stage::decode);
        return true;
    }

    core::Push feed(const SegmentSeat& seat, SegmentOutput& output, device::Picture picture) {
        const bool enough = has_enough(seat);
        const bool own = seat.segment.range.holds(picture.pts) && !enough;
        const FrameRole role = own ? FrameRole::own : FrameRole::halo;
        if (enough) ++behind_enough_;
        if (own) {
            ++decoded_.decoded;
            if (!fits(input_, picture.desc)) ++decoded_.reshaped;
        }
        // Neighbours see what they would see within one segment: no frame that is dropped.
        if (picture.flags.corrupt && !accept_corrupt(picture.pts, role)) return core::Push::pushed;
        if (output.admit(feeder_->frames()) == core::Push::cancelled) return core::Push::cancelled;
        return feeder_->push(std::move(picture), role);
    }

    // Whether a damaged frame goes on. The segment that a frame belongs to lists it.
    bool accept_corrupt(std::int64_t pts, FrameRole role) {
        const bool own = role == FrameRole::own;
        switch (input_.on_corrupt) {
            case CorruptPolicy::conceal:
                if (own) decoded_.corrupt_pts.push_back(pts);
                return true;
            case CorruptPolicy::drop:
                if (own) decoded_.dropped_pts.push_back(pts);
                return false;
            case CorruptPolicy::fail:
                break;
        }
        throw damaged_frame(reader_->info().path, pts);
    }

    void count_reader_stats(const media::FrameRange& range) {
        const media::ReadStats& stats = reader_->stats();
        decoded_.decode_errors = stats.decode_errors - before_.decode_errors;
        decoded_.retimed = stats.retimed_frames - before_.retimed_frames;
        const auto first = stats.missing_pts.begin() + static_cast<std::ptrdiff_t>(before_.missing);
        std::copy_if(first, stats.missing_pts.end(), std::back_inserter(decoded_.missing_pts),
                     [&](std::int64_t pts) { return range.holds(pts); });
    }

    const LaneHouse& house_;
    const InputPlan& input_;
    std::unique_ptr<Feeder> feeder_;
    std::stop_token stop_;
    std::unique_ptr<media::FrameReader> reader_;
    DecodedSegment decoded_;
    int behind_enough_ = 0;  ///< frames read after there were enough
    Counted before_;
};

}  // namespace

void run_decode_lane(const LaneHouse& house) {
    const Worker counted(house.profile, Stage::decode);
    Lane lane(house);
    while (std::optional<SegmentSeat> seat = house.schedule.next(house.station.index(), house.failure.stop())) {
        if (!lane.read(*seat)) return;
    }
}

}  // namespace millrace::pipeline
