#include "pipeline/joiner.h"

#include <exception>
#include <utility>

#include "core/log.h"

namespace millrace::pipeline {

namespace {

bool can_begin_early(const ResolvedJob& job) {
    if (!job.video || job.input.frame_limit || job.video->copy.next_packet) return false;
    return job.video->sink.path != job.output;
}

}  // namespace

Joiner::Joiner(const JoinHouse& house, const std::map<int, SegmentRecord>& finished)
    : forward_(house.stop, [this] { stop_.request_stop(); }),
      house_{house.job, house.backends, house.journal, house.profile, stop_.get_token()} {
    if (!can_begin_early(house.job)) return;
    for (const auto& [segment, record] : finished) waiting_.push_back(record);
    join_.emplace(house_);
    thread_ = std::jthread([this] { work(); });
}

Joiner::~Joiner() {
    stop_.request_stop();
    end_thread();
    if (join_) join_->discard();
}

void Joiner::add(const SegmentRecord& record) {
    house_.journal.add(record);
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(record);
    }
    changed_.notify_all();
}

JoinResult Joiner::finish(const std::map<int, SegmentRecord>& records) {
    end_thread();
    // A file made by frames handed over may end before what an earlier run left.
    if (join_ && join_->added() != records) {
        join_->discard();
        join_.reset();
    }
    if (!join_) return join_segments(house_, records);
    const Timed busy(house_.profile, Stage::join, Activity::busy);
    JoinResult result = join_->finish();
    join_.reset();
    return result;
}

void Joiner::end_thread() {
    {
        const std::lock_guard lock(mutex_);
        all_added_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::vector<SegmentRecord> Joiner::take() {
    const Timed waiting(house_.profile, Stage::join, Activity::wait_input);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, house_.stop, [this] { return all_added_ || !waiting_.empty(); });
    return std::exchange(waiting_, {});
}

void Joiner::work() noexcept {
    try {
        const Worker counted(house_.profile, Stage::join);
        for (auto some = take(); !some.empty() && !house_.stop.stop_requested(); some = take()) {
            const Timed busy(house_.profile, Stage::join, Activity::busy);
            for (const SegmentRecord& record : some) join_->add(record);
            join_->write_ready();
        }
    } catch (const std::exception& error) {  // the entry of a thread
        core::log::debug("not joined while segments were made, but after the last: {}", error.what());
        join_->discard();
        join_.reset();
    }
}

}  // namespace millrace::pipeline
