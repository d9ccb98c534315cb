#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/rate.h"
#include "engine/tune_live.h"

namespace millrace::engine {

namespace {

using nlohmann::json;

constexpr int most_batch = 64;
constexpr double shortest_rate = 2;  // seconds of one measurement
constexpr double longest_rate = 10;
constexpr double batches_seen = 12;  // in one measurement, at least

double seconds(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count(); }

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

// Batch by batch, until a larger one can change nothing.
class LiveMeasuring {
  public:
    LiveMeasuring(ModelMeter& meter, const LiveSearch& search, const std::function<void(const std::string&)>& progress)
        : meter_(meter), search_(search), progress_(progress) {}

    // Why it ended.
    std::string run() {
        for (const int batch : batches_for(meter_, search_.job)) {
            if (!measure(batch)) return "no time is left; --time gives more";
            const double fills_in = batch / search_.fps;
            if (kept_up_ && fills_in > seconds(longest_timeout())) {
                return fmt::format("a batch of {} takes {:.0f} ms to fill, longer than the longest timeout", batch,
                                   1e3 * fills_in);
            }
            if (!kept_up_ && !still_rises(ceilings_)) return "it does not keep up, and larger batches gain nothing";
        }
        return "all batches were tried";
    }

    [[nodiscard]] const json& points() const { return points_; }

  private:
    [[nodiscard]] std::chrono::milliseconds longest_timeout() const { return search_.job.model.batch_timeout * 4; }

    // False: no time.
    bool measure(int batch) {
        TunedSettings settings = meter_.initial();
        settings.batch = batch;
        const std::unique_ptr<infer::Session> session = meter_.make_session(settings);
        (void)ResidentRuns(*session, 1).rate(std::chrono::milliseconds(50), search_.stop);
        ceilings_.push_back(0);
        kept_up_ = false;
        for (const auto timeout : timeouts_for(batch, search_)) {
            const LiveRate rate{search_.fps,
                                std::clamp(batches_seen * batch / search_.fps, shortest_rate, longest_rate), timeout};
            if (!points_.empty() && rate.seconds > search_.time.left()) return false;
            const LiveTimes times = run_live(*session, meter_.plan(), meter_.entries_a_frame(), rate, search_.stop);
            points_.push_back(to_json(times, batch, timeout));
            ceilings_.back() = std::max(ceilings_.back(), times.ceiling_fps);
            kept_up_ = kept_up_ || times.keeps_up;
            say(times, batch, timeout);
        }
        return true;
    }

    void say(const LiveTimes& times, int batch, std::chrono::milliseconds timeout) const {
        if (!progress_) return;
        progress_(fmt::format("batch {}, {} ms: {:.1f} fps, half within {:.0f} ms, 99 % within {:.0f} ms", batch,
                              timeout.count(), times.fps, 1e3 * times.p50, 1e3 * times.p99));
    }

    ModelMeter& meter_;
    const LiveSearch& search_;
    const std::function<void(const std::string&)>& progress_;
    json points_ = json::array();
    std::vector<double> ceilings_;  ///< of each batch
    bool kept_up_ = false;          ///< the last one
};

}  // namespace

void measure_live(ModelMeter& meter, const LiveSearch& search, const std::function<void(const std::string&)>& progress,
                  json& body) {
    LiveMeasuring measuring(meter, search, progress);
    const std::string ended = measuring.run();
    body["live"] = {{"fps", search.fps}, {"points", measuring.points()}, {"best", best_of(measuring.points())}};
    body["ended"].push_back({{"axis", "live"}, {"why", ended}});
}

}  // namespace millrace::engine
