#include "engine/tune_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/copy.h"
#include "device/stream.h"
#include "device/timeline.h"
#include "engine/rate.h"
#include "pipeline/batcher.h"
#include "pipeline/model_stage.h"
#include "pipeline/verdict.h"

namespace millrace::engine {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using nlohmann::json;

constexpr int most_batch = 64;
constexpr double shortest = 2;  // seconds of one measurement
constexpr double longest = 10;
constexpr double batches_seen = 12;  // in one measurement, at least

double seconds(Clock::duration time) { return Seconds(time).count(); }

// Notes when each frame's results are there, on a thread of its own, as a GPU hands them on before.
class Arrivals final : public pipeline::ResultSink {
  public:
    Arrivals(int frames, int entries_a_frame) : left_(static_cast<std::size_t>(frames), entries_a_frame) {
        done_.resize(left_.size());
        thread_ = std::jthread([this] { work(); });
    }
    Arrivals(const Arrivals&) = delete;
    Arrivals& operator=(const Arrivals&) = delete;
    Arrivals(Arrivals&&) = delete;
    Arrivals& operator=(Arrivals&&) = delete;
    ~Arrivals() override { close(); }

    [[nodiscard]] infer::FrameStamp stamp_of(const pipeline::FrameTag& tag) const override {
        return {tag.ordinal, tag.pts, 0, 0};
    }

    core::Push push(pipeline::FrameResult result, const std::stop_token& /*stop*/) override {
        {
            const std::scoped_lock lock(mutex_);
            waiting_.push_back(std::move(result));
        }
        changed_.notify_one();
        return core::Push::pushed;
    }

    // When no more will come. May be called again.
    void close() {
        {
            const std::scoped_lock lock(mutex_);
            closed_ = true;
        }
        changed_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

    // After close(). No value: never done.
    [[nodiscard]] const std::vector<std::optional<Clock::time_point>>& done() const { return done_; }
    [[nodiscard]] int runs() const { return runs_; }

  private:
    void work() {
        while (const auto result = next()) {
            const auto& outputs = std::get<pipeline::ModelResult>(result->content).outputs;
            for (const device::Tensor& output : *outputs) device::wait_readable(output.timeline);
            if (outputs != last_) ++runs_;
            last_ = outputs;
            const auto frame = static_cast<std::size_t>(result->tag.ordinal);
            if (--left_.at(frame) == 0) done_[frame] = Clock::now();
        }
    }

    std::optional<pipeline::FrameResult> next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
        if (waiting_.empty()) return std::nullopt;
        pipeline::FrameResult result = std::move(waiting_.front());
        waiting_.pop_front();
        return result;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<pipeline::FrameResult> waiting_;
    bool closed_ = false;
    std::vector<int> left_;  ///< entries of a frame that are not there yet
    std::vector<std::optional<Clock::time_point>> done_;
    std::shared_ptr<const std::vector<device::Tensor>> last_;
    int runs_ = 0;
    std::jthread thread_;
};

// One entry of noise, where the batches are.
class Entry {
  public:
    Entry(const infer::Session& session, device::DeviceId device) : pool_(device, "a live frame", device::unbounded) {
        core::TensorDesc desc = session.input_descs().at(static_cast<std::size_t>(session.model().picture_input));
        desc.shape.erase(desc.shape.begin());
        device::BufferPool host({}, "a live frame", device::unbounded);
        device::Tensor here = device::lease_tensor(host, desc);
        fill_with_noise(here);
        stream_.emplace(device);
        tensor_ = device::copied(*stream_, pool_, here);
        device::synchronize(*stream_);
    }

    void copy_to(const device::Tensor& slot) const { device::copy(*stream_, tensor_, slot); }

  private:
    device::BufferPool pool_;
    std::optional<device::Stream> stream_;
    device::Tensor tensor_;
};

// Feeds frames when they are due. Returns how many, as time may be over before all are.
int feed(pipeline::Batcher& batcher, const std::shared_ptr<Arrivals>& arrivals, const Entry& entry,
         const LiveRate& rate, const std::vector<Clock::time_point>& due, int entries_a_frame,
         const std::stop_token& stop) {
    const auto end = due.front() + std::chrono::duration_cast<Clock::duration>(Seconds(rate.seconds));
    int frame = 0;
    for (; frame < static_cast<int>(due.size()) && Clock::now() < end; ++frame) {
        std::this_thread::sleep_until(due[static_cast<std::size_t>(frame)]);
        for (int i = 0; i < entries_a_frame; ++i) {
            auto slot = batcher.reserve(stop);
            if (!slot) return frame;
            entry.copy_to(slot->input);
            batcher.commit(std::move(*slot), {arrivals, {frame, frame, 1, nullptr}, i});
        }
    }
    return frame;
}

LiveTimes summarize(const Arrivals& arrivals, const std::vector<Clock::time_point>& due, int fed, double rate,
                    int batch) {
    LiveTimes times;
    std::vector<double> waits;
    const Clock::time_point middle = due[due.size() / 2];
    const Clock::time_point end = due.back();
    int late_half = 0;
    int before_end = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(fed); ++i) {
        const auto& done = arrivals.done()[i];
        if (!done) continue;
        waits.push_back(seconds(*done - due[i]));
        if (*done <= end) ++before_end;
        if (*done > middle && *done <= end) ++late_half;
    }
    std::ranges::sort(waits);
    times.frames = static_cast<int>(waits.size());
    if (waits.empty()) return times;
    const auto quantile = [&waits](double q) {
        return waits[static_cast<std::size_t>(std::ceil(q * static_cast<double>(waits.size()))) - 1];
    };
    times.p50 = quantile(0.5);
    times.p99 = quantile(0.99);
    times.worst = waits.back();
    times.fps = before_end / seconds(end - due.front());
    times.mean_batch = static_cast<double>(times.frames) / std::max(1, arrivals.runs());
    times.keeps_up = late_half + batch >= 0.95 * rate * seconds(end - middle);
    return times;
}

}  // namespace

LiveTimes run_live(infer::Session& session, const pipeline::ModelPlan& plan, int entries_a_frame, const LiveRate& rate,
                   const std::stop_token& stop) {
    const int frames = std::max(2, static_cast<int>(rate.fps * rate.seconds));
    pipeline::Failure failure(stop);
    pipeline::Profile profile(pipeline::Tracing::off);
    const device::DeviceId device = session.stream().device;
    const auto port = static_cast<std::size_t>(session.model().picture_input);
    pipeline::Batcher batcher(session.input_descs().at(port),
                              {pipeline::batches_in_flight(plan), rate.timeout, device});
    const auto arrivals = std::make_shared<Arrivals>(frames, entries_a_frame);
    const Entry entry(session, device);
    pipeline::ModelStage stage(session, batcher, profile, failure, plan.result_memory);
    const auto started = Clock::now();
    stage.start(plan.workers);
    std::vector<Clock::time_point> due;
    const auto begin = Clock::now() + std::chrono::milliseconds(10);
    for (int i = 0; i < frames; ++i) {
        due.push_back(begin + std::chrono::duration_cast<Clock::duration>(Seconds(i / rate.fps)));
    }
    int fed = 0;
    pipeline::guarded(failure,
                      [&] { fed = feed(batcher, arrivals, entry, rate, due, entries_a_frame, failure.stop()); });
    batcher.close();
    stage.join();
    const double wall = seconds(Clock::now() - started);
    arrivals->close();
    failure.rethrow();
    if (stop.stop_requested()) throw core::Error(core::ErrorCode::interrupted, "measuring was interrupted");
    LiveTimes times = summarize(*arrivals, due, fed, rate.fps, session.model().batch);
    for (const auto& summary : pipeline::summarize(profile, wall)) {
        if (summary.stage == pipeline::Stage::model) times.ceiling_fps = summary.ceiling_fps;
    }
    return times;
}

namespace {

json to_json(const LiveTimes& times, int batch, std::chrono::milliseconds timeout) {
    return {{"batch", batch},
            {"timeout_seconds", seconds(timeout)},
            {"fps", times.fps},
            {"ceiling_fps", times.ceiling_fps},
            {"p50_seconds", times.p50},
            {"p99_seconds", times.p99},
            {"worst_seconds", times.worst},
            {"frames", times.frames},
            {"mean_batch", times.mean_batch},
            {"keeps_up", times.keeps_up}};
}

// A batch that is full before the shortest of them leaves at the same time with any.
std::vector<std::chrono::milliseconds> timeouts_for(int batch, const LiveSearch& search) {
    const std::chrono::milliseconds asked = search.job.model.batch_timeout;
    std::vector<std::chrono::milliseconds> timeouts;
    for (const auto timeout : {asked / 5, asked, asked * 4}) {
        if (timeout.count() == 0) continue;
        timeouts.push_back(timeout);
        if ((batch - 1) / search.fps < seconds(timeout)) break;
    }
    return timeouts;
}

std::vector<int> batches_for(const ModelMeter& meter, const Job& job) {
    std::vector<int> batches{meter.plan().model.batch};
    if (job.model.batch || !batch_is_open(meter.plan().model)) return batches;
    while (batches.back() * 2 <= most_batch) batches.push_back(batches.back() * 2);
    return batches;
}

// Of those that keep up, the one whose slowest frames are soonest done.
json best_of(const json& points) {
    json best;
    for (const json& point : points) {
        if (!point["keeps_up"].get<bool>()) continue;
        if (best.is_null() || point["p99_seconds"] < best["p99_seconds"]) best = point;
    }
    return best;
}

}  // namespace

void measure_live(ModelMeter& meter, const LiveSearch& search, const std::function<void(const std::string&)>& progress,
                  json& body) {
    json points = json::array();
    std::string ended = "all batches were tried";
    for (const int batch : batches_for(meter, search.job)) {
        TunedSettings settings = meter.initial();
        settings.batch = batch;
        std::unique_ptr<infer::Session> session = meter.make_session(settings);
        (void)ResidentRuns(*session, 1).rate(std::chrono::milliseconds(50), search.stop);
        for (const auto timeout : timeouts_for(batch, search)) {
            LiveRate rate{search.fps, std::clamp(batches_seen * batch / search.fps, shortest, longest), timeout};
            if (!points.empty() && rate.seconds > search.time.left()) {
                body["live"] = {{"fps", search.fps}, {"points", points}, {"best", best_of(points)}};
                body["ended"].push_back({{"axis", "live"}, {"why", "no time is left; --time gives more"}});
                return;
            }
            const LiveTimes times = run_live(*session, meter.plan(), meter.entries_a_frame(), rate, search.stop);
            points.push_back(to_json(times, batch, timeout));
            if (progress) {
                progress(fmt::format("batch {}, {} ms: {:.1f} fps, half within {:.0f} ms, 99 % within {:.0f} ms", batch,
                                     timeout.count(), times.fps, 1e3 * times.p50, 1e3 * times.p99));
            }
        }
        // A larger one is never full in time.
        if (batch / search.fps > seconds(search.job.model.batch_timeout * 4)) {
            ended = fmt::format("a batch of {} takes {:.0f} ms to fill, longer than the longest timeout", batch,
                                1e3 * batch / search.fps);
            break;
        }
    }
    body["live"] = {{"fps", search.fps}, {"points", points}, {"best", best_of(points)}};
    body["ended"].push_back({{"axis", "live"}, {"why", ended}});
}

}  // namespace millrace::engine
