#include "pipeline/runner.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.h"
#include "pipeline/batcher.h"
#include "pipeline/decode_lane.h"
#include "pipeline/model_stage.h"
#include "pipeline/schedule.h"

namespace millrace::pipeline {

namespace {

constexpr std::chrono::milliseconds observe_interval{100};
/// Long enough for an encoder's lookahead to fill, during which it leaves cores idle.
constexpr std::chrono::milliseconds growth_interval{1500};
/// A GPU that waits is dear, and another lane takes none of its cores.
constexpr std::chrono::milliseconds gpu_growth_interval{300};
/// A lane is added while the process leaves more of the machine idle than this.
constexpr double idle_share = 0.15;

double process_cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// What the stage after the decoders is seen doing.
enum class Next { works, starves, is_blocked };

// Says when another lane, which decodes and has an encoder, would help: when the model waits for frames; when it waits
// for encoders, or there is none, and cores are idle.
class Growth {
  public:
    Growth(int cores, std::chrono::milliseconds interval)
        : cores_(cores), interval_(interval), checked_(Clock::now()), cpu_(process_cpu_seconds()) {}

    bool wants_lane(Next seen) {
        ++samples_;
        if (seen == Next::starves) ++starving_;
        if (seen == Next::is_blocked) ++blocked_;
        if (Clock::now() - checked_ < interval_) return false;
        const int samples = std::exchange(samples_, 0);
        const bool starves = 2 * std::exchange(starving_, 0) > samples;
        const bool blocked = 2 * std::exchange(blocked_, 0) > samples;
        const bool idles = has_idle_cores();
        return starves || (blocked && idles);
    }

  private:
    bool has_idle_cores() {
        const Clock::time_point now = Clock::now();
        const double cpu = process_cpu_seconds();
        const double wall = std::chrono::duration<double>(now - checked_).count();
        const double used = (cpu - cpu_) / (wall * cores_);
        checked_ = now;
        cpu_ = cpu;
        return used < 1 - idle_share;
    }

    int cores_;
    std::chrono::milliseconds interval_;
    int samples_ = 0;
    int starving_ = 0;
    int blocked_ = 0;
    Clock::time_point checked_;
    double cpu_;
};

// A sequential model takes its frames in order, from one lane.
int lane_limit(const ResolvedJob& job) {
    const bool sequential = job.model && job.model->model.order == infer::Order::sequential;
    return sequential ? 1 : job.limits.lanes;
}

class Runner {
  public:
    Runner(const ResolvedJob& job, const Backends& backends, Journal& journal, Profile& profile,
           const std::stop_token& stop)
        : job_(job),
          backends_(backends),
          journal_(journal),
          profile_(profile),
          failure_(stop),
          schedule_(make_schedule(job, journal.finished())),
          max_lanes_(lane_limit(job)),
          pictures_(device_of(job)) {
        for (const auto& [segment, record] : journal.finished()) frames_reused_ += record.frames_done;
        result_.records = journal.finished();
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
        const LaneHouse house = make_lane_house();
        // Whatever fails on this thread, the others end before anybody is told.
        guarded(failure_, [&] { run_lanes(house, observe); });
        lanes_.clear();
        if (batcher_) batcher_->close();
        if (model_) model_->join();
        guarded(failure_, [&] { wait_for_outputs(observe); });
        outputs_.clear();
    }

    void run_lanes(const LaneHouse& house, const std::function<void(const RunProgress&)>& observe) {
        start_model();
        for (int lane = 0; lane < std::min(job_.limits.first_lanes, max_lanes_); ++lane) add_lane(house);
        Growth growth(job_.limits.cores, on_gpu(job_) ? gpu_growth_interval : growth_interval);
        while (!wait_for_lanes(observe_interval)) {
            observe({frames_reused_ + frames_done_.load(), frames_reused_, lanes_alive()});
            if (growth.wants_lane(next_stage()) && may_grow()) add_lane(house);
        }
    }

    // Without a model the encoders are next, and they take what cores there are.
    [[nodiscard]] Next next_stage() const {
        if (!batcher_) return Next::is_blocked;
        if (batcher_->starving()) return Next::starves;
        return model_->blocked() ? Next::is_blocked : Next::works;
    }

    void start_model() {
        if (!job_.model) return;
        const auto port = static_cast<std::size_t>(job_.model->model.picture_input);
        const Batcher::Settings settings{job_.model->workers + 2, job_.model->batch_timeout, job_.model->device};
        batcher_.emplace(backends_.session->input_descs().at(port), settings);
        model_.emplace(*backends_.session, *batcher_, profile_, failure_, job_.model->result_memory);
        model_->start(job_.model->workers);
    }

    LaneHouse make_lane_house() {
        return {job_,
                backends_,
                schedule_,
                profile_,
                failure_,
                [this](SegmentSeat seat) { return open_output(std::move(seat)); },
                [this] { return make_feeder(); },
                [this] {
                    if (batcher_) batcher_->flush();
                }};
    }

    std::unique_ptr<Feeder> make_feeder() {
        if (job_.model) return make_model_feeder(*job_.model, *batcher_, profile_, failure_.stop());
        return make_picture_feeder(profile_, failure_.stop());
    }

    std::shared_ptr<SegmentOutput> open_output(SegmentSeat seat) {
        const OutputHouse house{job_,
                                backends_,
                                journal_,
                                profile_,
                                failure_,
                                pictures_,
                                encoders_,
                                [this](const SegmentRecord& record) { keep(record); },
                                [this](std::int64_t frames) { frames_done_ += frames; }};
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
        encoders_.add(1);
        lanes_.emplace_back([this, &house] {
            guarded(failure_, [&] { run_decode_lane(house); });
            {
                const std::lock_guard lock(mutex_);
                --lanes_alive_;
            }
            lane_ended_.notify_all();
        });
    }

    bool may_grow() { return schedule_.left() > 0 && lanes_alive() < max_lanes_; }

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
    Journal& journal_;
    Profile& profile_;
    Failure failure_;
    Schedule schedule_;
    int max_lanes_;
    PicturePools pictures_;
    EncoderSlots encoders_;
    std::optional<Batcher> batcher_;
    std::optional<ModelStage> model_;

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

RunResult run_segments(const ResolvedJob& job, const Backends& backends, Journal& journal, Profile& profile,
                       const std::function<void(const RunProgress&)>& observe, const std::stop_token& stop) {
    return Runner(job, backends, journal, profile, stop).run(observe);
}

}  // namespace millrace::pipeline
