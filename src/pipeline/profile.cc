#include "pipeline/profile.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {

namespace {

std::size_t at(Stage stage) { return static_cast<std::size_t>(stage); }
std::size_t at(Activity activity) { return static_cast<std::size_t>(activity); }

const char* name(Activity activity) {
    switch (activity) {
        case Activity::busy:
            return "";
        case Activity::wait_input:
            return " waits for input";
        case Activity::wait_output:
            return " waits for output";
    }
    return "";
}

template <class T, class Better>
void keep(std::atomic<T>& best, T value, Better better) {
    T known = best.load(std::memory_order_relaxed);
    while (better(value, known) && !best.compare_exchange_weak(known, value)) {
    }
}

// Small numbers for threads, in the order in which they first report.
int thread_number() {
    static std::atomic<int> next{1};
    thread_local const int number = next.fetch_add(1);
    return number;
}

}  // namespace

const char* name(Stage stage) {
    switch (stage) {
        case Stage::decode:
            return "decode";
        case Stage::to_tensor:
            return "to_tensor";
        case Stage::model:
            return "model";
        case Stage::to_picture:
            return "to_picture";
        case Stage::encode:
            return "encode";
        case Stage::join:
            return "join";
    }
    return "unknown";
}

Profile::Profile(Tracing tracing) : start_(Clock::now()), tracing_(tracing) {}

void Profile::Counters::span(Clock::time_point begin, Clock::time_point end) {
    keep(began, begin.time_since_epoch().count(), std::less());
    keep(ended, end.time_since_epoch().count(), std::greater());
}

void Profile::add(Stage stage, Activity activity, Clock::time_point begin, Clock::time_point end) {
    Counters& counters = stages_.at(at(stage));
    counters.nanoseconds.at(at(activity)) += (end - begin).count();
    if (begin < end) counters.span(begin, end);
    if (tracing_ == Tracing::off) return;
    const Event event{stage, activity, thread_number(), (begin - start_).count(), (end - start_).count()};
    const std::lock_guard lock(events_mutex_);
    events_.push_back(event);
}

void Profile::add_gpu(Stage stage, std::chrono::nanoseconds time) {
    stages_.at(at(stage)).gpu_nanoseconds += time.count();
}

void Profile::add_sums(Stage stage, const StageSums& more) {
    Counters& counters = stages_.at(at(stage));
    for (std::size_t i = 0; i < more.time.size(); ++i) counters.nanoseconds.at(i) += more.time.at(i).count();
    counters.gpu_nanoseconds += more.gpu.count();
    counters.frames += more.frames;
    counters.workers_now += more.workers_now;
    counters.workers_peak += more.workers_peak;
    counters.span(more.began, more.ended);
}

void Profile::count_frames(Stage stage, std::int64_t frames) { stages_.at(at(stage)).frames += frames; }

void Profile::mark_first_frame() {
    std::int64_t none = -1;
    if (first_frame_ns_.load(std::memory_order_relaxed) != none) return;
    first_frame_ns_.compare_exchange_strong(none, (Clock::now() - start_).count());
}

std::optional<std::chrono::nanoseconds> Profile::first_frame() const {
    const std::int64_t time = first_frame_ns_.load();
    if (time < 0) return std::nullopt;
    return std::chrono::nanoseconds(time);
}

void Profile::worker_started(Stage stage) {
    Counters& counters = stages_.at(at(stage));
    const int now = ++counters.workers_now;
    keep(counters.workers_peak, now, std::greater());
}

void Profile::worker_ended(Stage stage) { --stages_.at(at(stage)).workers_now; }

StageSums Profile::sums(Stage stage) const {
    const Counters& counters = stages_.at(at(stage));
    StageSums sums;
    std::transform(counters.nanoseconds.begin(), counters.nanoseconds.end(), sums.time.begin(),
                   [](const auto& value) { return std::chrono::nanoseconds(value.load()); });
    sums.gpu = std::chrono::nanoseconds(counters.gpu_nanoseconds.load());
    sums.frames = counters.frames.load();
    sums.workers_now = counters.workers_now.load();
    sums.workers_peak = counters.workers_peak.load();
    sums.began = Clock::time_point(Clock::duration(counters.began.load()));
    sums.ended = Clock::time_point(Clock::duration(counters.ended.load()));
    return sums;
}

std::string Profile::trace_json() const {
    nlohmann::json events = nlohmann::json::array();
    const std::lock_guard lock(events_mutex_);
    for (const Event& event : events_) {
        events.push_back({{"name", std::string(pipeline::name(event.stage)) + name(event.activity)},
                          {"cat", event.activity == Activity::busy ? "busy" : "wait"},
                          {"ph", "X"},
                          {"pid", 1},
                          {"tid", event.thread},
                          {"ts", static_cast<double>(event.begin_ns) / 1e3},
                          {"dur", static_cast<double>(event.end_ns - event.begin_ns) / 1e3}});
    }
    return nlohmann::json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump();
}

}  // namespace millrace::pipeline
