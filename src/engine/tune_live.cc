#include "engine/tune_live.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
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
    pipeline::ModelStage stage(session, batcher, profile, failure, {plan.result_memory});
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
    arrivals->close();
    failure.rethrow();
    if (stop.stop_requested()) throw core::Error(core::ErrorCode::interrupted, "measuring was interrupted");
    LiveTimes times = summarize(*arrivals, due, fed, rate.fps, session.model().batch);
    for (const auto& summary : pipeline::summarize(profile)) {
        if (summary.stage == pipeline::Stage::model) times.ceiling_fps = summary.ceiling_fps;
    }
    return times;
}

}  // namespace millrace::engine
