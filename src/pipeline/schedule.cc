#include "pipeline/schedule.h"

#include <algorithm>
#include <memory>

namespace millrace::pipeline {

namespace {

bool is_sequential(const ResolvedJob& job) { return job.model && job.model->model.order == infer::Order::sequential; }

// How much of segment `number` is needed; nullopt for nothing.
std::optional<SegmentWork> work_on(std::size_t number, const std::vector<bool>& done, bool wants_context,
                                   bool wants_replay) {
    if (!done[number]) return SegmentWork::full;
    const auto next = done.begin() + static_cast<std::ptrdiff_t>(number) + 1;
    const bool unfinished_follows = std::find(next, done.end(), false) != done.end();
    if (wants_replay && unfinished_follows) return SegmentWork::replay;
    if (wants_context && number > 0 && !done[number - 1]) return SegmentWork::head;
    return std::nullopt;
}

}  // namespace

std::vector<SegmentSeat> make_schedule(const ResolvedJob& job, const std::map<int, SegmentRecord>& finished) {
    const std::vector<Segment>& segments = job.input.segments;
    const int context_frames = job.video ? job.video->encoder.context_frames : 0;
    std::vector<bool> done(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) done[i] = finished.contains(static_cast<int>(i));

    std::vector<SegmentSeat> seats;
    std::shared_ptr<ContextQueue> wanted;  // by the unfinished segment before, of this one
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const bool wants_replay = is_sequential(job) && i >= static_cast<std::size_t>(job.replay_from);
        const auto work = work_on(i, done, context_frames > 0, wants_replay);
        std::shared_ptr<ContextQueue> context;
        const bool is_last = i + 1 == segments.size();
        if (!done[i] && context_frames > 0 && !is_last) context = std::make_shared<ContextQueue>();
        if (work) seats.push_back({segments[i], *work, context, wanted});
        wanted = context;
    }
    return seats;
}

void Schedule::add_taker(std::size_t station) {
    const std::lock_guard lock(mutex_);
    ++shares_[station].takers;
}

std::optional<SegmentSeat> Schedule::next(std::size_t station, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto answers = [&] { return next_ == seats_.size() || is_turn_of(station); };
    if (!changed_.wait(lock, stop, answers) || next_ == seats_.size()) return std::nullopt;
    // Moved out: a seat keeps pictures alive through its context.
    SegmentSeat seat = std::move(seats_[next_++]);
    const std::int64_t frames =
        seat.work == SegmentWork::full ? std::max<std::int64_t>(seat.segment.frame_count, 0) : 0;
    shares_[station].to_do += frames;
    seat.share = std::make_shared<Share>(frames, [this, station](std::int64_t done) { count_done(station, done); });
    lock.unlock();
    changed_.notify_all();
    return seat;
}

std::size_t Schedule::left() const {
    const std::lock_guard lock(mutex_);
    return seats_.size() - next_;
}

bool Schedule::is_turn_of(std::size_t station) const {
    std::size_t takers = 0;
    for (const StationShare& share : shares_) takers += share.takers;
    if (seats_.size() - next_ >= takers) return true;
    return std::ranges::none_of(
        shares_, [&](const StationShare& other) { return other.takers > 0 && other.to_do < shares_[station].to_do; });
}

void Schedule::count_done(std::size_t station, std::int64_t frames) {
    {
        const std::lock_guard lock(mutex_);
        shares_[station].to_do -= frames;
    }
    if (shares_.size() > 1) changed_.notify_all();
}

}  // namespace millrace::pipeline
