#include "pipeline/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/usage.h"
#include "pipeline/decode_lane.h"
#include "pipeline/growth.h"
#include "pipeline/schedule.h"
#include "pipeline/station.h"

namespace millrace::pipeline {

namespace {

constexpr std::chrono::milliseconds observe_interval{100};
constexpr std::chrono::milliseconds look_interval{20};
/// For encoders long enough for their lookahead to fill, during which they leave cores idle. Not so on a GPU, which is
/// dear while it waits.
constexpr GrowthPace growth_pace{std::chrono::milliseconds(300), std::chrono::milliseconds(1500)};
constexpr GrowthPace gpu_growth_pace{std::chrono::milliseconds(300), std::chrono::milliseconds(300)};
/// How long lanes wait for the first frame of those that began before them.
constexpr std::chrono::milliseconds first_frame_patience{500};
constexpr std::chrono::milliseconds first_frame_interval{5};

// A sequential model takes its frames in order, from one lane.
int lane_limit(const ResolvedJob& job) {
    const bool sequential = job.model && job.model->model.order == infer::Order::sequential;
    return sequential ? 1 : job.limits.lanes;
}

class Runner {
  public:
    Runner(const ResolvedJob& job, const Backends& backends, SegmentLedger& ledger, Profile& profile,
           const std::stop_token& stop)
        : job_(job),
          backends_(backends),
          ledger_(ledger),
          profile_(profile),
          failure_(stop),
          schedule_(make_schedule(job, ledger.finished()), job.devices.size()),
          max_lanes_(lane_limit(job)),
          lanes_started_(job.devices.size()) {
        for (const auto& [segment, record] : ledger.finished()) frames_reused_ += record.frames_done;
        result_.records = ledger.finished();
        result_.segments_reused = static_cast<int>(result_.records.size());
        result_.frames_reused = frames_reused_;
    }

    RunResult run(const std::function<void(const RunProgress&)>& observe) {
        const Clock::time_point begin = Clock::now();
        if (schedule_.left() > 0) work(observe);
        failure_.rethrow();
        if (failure_.stop().stop_requested()) throw_interrupted();
        result_.run_time = Clock::now() - begin;
        return std::move(result_);
    }

  private:
    struct OutputThread {
        std::shared_ptr<SegmentOutput> output;
        std::atomic<bool> ended{false};
        std::jthread thread;
    };

    void work(const std::function<void(const RunProgress&)>& observe) {
        for (std::size_t index = 0; index < job_.devices.size(); ++index) {
            houses_.push_back(make_house(stations_.emplace_back(job_, backends_, index, profile_, failure_)));
        }
        // Whatever fails on this thread, the others end before anybody is told.
        guarded(failure_, [&] { run_lanes(observe); });
        lanes_.clear();
        for (Station& station : stations_) station.end();
        guarded(failure_, [&] { wait_for_outputs(observe); });
        outputs_.clear();
    }

    void run_lanes(const std::function<void(const RunProgress&)>& observe) {
        for (Station& station : stations_) station.start();
        add_first_lanes();
        std::vector<Growth> growths;
        for (std::size_t i = 0; i < stations_.size(); ++i) {
            growths.emplace_back(job_.limits.cores, on_gpu(job_) ? gpu_growth_pace : growth_pace, look_at(i));
        }
        Clock::time_point observed = Clock::now();
        while (!wait_for_lanes(look_interval)) {
            if (Clock::now() - observed >= observe_interval) {
                observe({frames_reused_ + frames_done_.load(), frames_reused_, lanes_alive()});
                observed = Clock::now();
            }
            for (std::size_t i = 0; i < growths.size(); ++i) {
                const int wanted = growths[i].wanted_lanes(look_at(i));
                for (int added = 0; added < wanted && may_grow(i); ++added) add_lane(houses_[i]);
            }
        }
    }

    Growth::Seen look_at(std::size_t station) {
        return {stations_[station].next(), lanes_started_[station], schedule_.left(), Clock::now(),
                core::cpu_seconds()};
    }

    // A driver opens decoders one after the other, some 45 ms each, and keeps those that are open waiting meanwhile:
    // begun all at once, lanes get the first frame to a GPU when the last one is open. One a GPU goes ahead.
    void add_first_lanes() {
        const auto ahead = static_cast<int>(stations_.size());
        const int first = std::min(std::max(job_.limits.first_lanes, ahead), max_lanes_);
        if (on_gpu(job_)) {
            add_lanes_to(std::min(ahead, first));
            wait_for_first_frame();
        }
        add_lanes_to(first);
    }

    void add_lanes_to(int count) {
        while (static_cast<int>(lanes_.size()) < count) add_lane(houses_[lanes_.size() % houses_.size()]);
    }

    void wait_for_first_frame() {
        const Clock::time_point end = Clock::now() + first_frame_patience;
        while (!profile_.first_frame() && Clock::now() < end && !wait_for_lanes(first_frame_interval)) {
        }
    }

    LaneHouse make_house(Station& station) {
        return {job_, backends_, schedule_, profile_, failure_, station, [this, &station](SegmentSeat seat) {
                    return open_output(station, std::move(seat));
                }};
    }

    std::shared_ptr<SegmentOutput> open_output(Station& station, SegmentSeat seat) {
        const OutputHouse house{job_,
                                backends_,
                                ledger_,
                                profile_,
                                failure_,
                                station.pictures(),
                                encoders_,
                                station.held(),
                                station.index(),
                                [this](const SegmentRecord& record) { keep(record); },
                                [this, share = seat.share](std::int64_t frames) {
                                    frames_done_ += frames;
                                    if (share) share->done(frames);
                                }};
        auto output = job_.video ? make_video_output(house, std::move(seat)) : make_data_output(house, std::move(seat));
        const std::lock_guard lock(mutex_);
        outputs_.remove_if([](const OutputThread& thread) { return thread.ended.load(); });
        OutputThread& thread = outputs_.emplace_back();
        thread.output = output;
        thread.thread = std::jthread([this, &thread] {
            guarded(failure_, [&] { thread.output->run(); });
            thread.output.reset();
            thread.ended = true;
        });
        return output;
    }

    void keep(const SegmentRecord& record) {
        const std::lock_guard lock(mutex_);
        result_.records.insert_or_assign(record.segment, record);
    }

    void add_lane(const LaneHouse& house) {
        {
            const std::lock_guard lock(mutex_);
            ++lanes_alive_;
        }
        const auto most_encoders = static_cast<std::size_t>(job_.limits.encoders);
        if (most_encoders == 0 || lanes_.size() < most_encoders) encoders_.add(1);
        schedule_.add_taker(house.station.index());
        ++lanes_started_[house.station.index()];
        lanes_.emplace_back([this, &house] {
            guarded(failure_, [&] { run_decode_lane(house); });
            {
                const std::lock_guard lock(mutex_);
                --lanes_alive_;
            }
            lane_ended_.notify_all();
        });
    }

    // Stations get equal parts of the lanes: each has its own memory for them.
    bool may_grow(std::size_t station) {
        const auto stations = static_cast<int>(stations_.size());
        return schedule_.left() > 0 && lanes_alive() < max_lanes_ &&
               lanes_started_[station] < (max_lanes_ + stations - 1) / stations;
    }

    int lanes_alive() {
        const std::lock_guard lock(mutex_);
        return lanes_alive_;
    }

    bool wait_for_lanes(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        return lane_ended_.wait_for(lock, timeout, [&] { return lanes_alive_ == 0; });
    }

    void wait_for_outputs(const std::function<void(const RunProgress&)>& observe) {
        const auto all_ended = [this] {
            const std::lock_guard lock(mutex_);
            return std::all_of(outputs_.begin(), outputs_.end(), [](const OutputThread& output) {
                return output.ended.load() || !output.thread.joinable();  // no thread: it could not be started
            });
        };
        while (!all_ended()) {
            observe({frames_reused_ + frames_done_.load(), frames_reused_, 0});
            std::this_thread::sleep_for(observe_interval / 10);
        }
    }

    [[noreturn]] void throw_interrupted() const {
        throw core::Error(
            core::ErrorCode::interrupted,
            fmt::format("{}: interrupted with {} of {} segments finished; run the same command to continue",
                        job_.output, result_.records.size(), job_.input.segments.size()));
    }

    const ResolvedJob& job_;
    const Backends& backends_;
    SegmentLedger& ledger_;
    Profile& profile_;
    Failure failure_;
    Schedule schedule_;
    int max_lanes_;
    std::vector<int> lanes_started_;  ///< by station
    EncoderSlots encoders_;
    std::deque<Station> stations_;
    std::deque<LaneHouse> houses_;  ///< one a station

    std::mutex mutex_;
    std::condition_variable lane_ended_;
    int lanes_alive_ = 0;
    RunResult result_;
    std::atomic<std::int64_t> frames_done_{0};
    std::int64_t frames_reused_ = 0;
    std::list<OutputThread> outputs_;
    std::vector<std::jthread> lanes_;
};

}  // namespace

RunResult run_segments(const ResolvedJob& job, const Backends& backends, SegmentLedger& ledger, Profile& profile,
                       const std::function<void(const RunProgress&)>& observe, const std::stop_token& stop) {
    return Runner(job, backends, ledger, profile, stop).run(observe);
}

}  // namespace millrace::pipeline
