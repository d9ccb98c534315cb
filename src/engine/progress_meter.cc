#include "engine/progress_meter.h"

namespace millrace::engine {

namespace {

/// Packets come in bursts: an encoder looks ahead, and segments end together.
constexpr std::chrono::seconds rate_window{10};
constexpr std::chrono::milliseconds memory_look_interval{500};

}  // namespace

ProgressMeter::ProgressMeter(const Observer& observer, std::int64_t total, const pipeline::Profile& profile)
    : observer_(observer), profile_(profile), watched_(std::chrono::steady_clock::now()) {
    progress_.frames_total = total;
}

void ProgressMeter::show(const pipeline::RunProgress& now) {
    const auto time = std::chrono::steady_clock::now();
    samples_.push_back({time, now.frames_done});
    while (samples_.size() > 2 && time - samples_.front().time > rate_window) samples_.pop_front();
    const double span = std::chrono::duration<double>(time - samples_.front().time).count();
    progress_.phase = Phase::running;
    progress_.frames_done = now.frames_done;
    progress_.frames_reused = now.frames_reused;
    progress_.lanes = now.lanes;
    progress_.fps = span > 0 ? static_cast<double>(now.frames_done - samples_.front().frames) / span : 0;
    progress_.seconds_left = -1;
    if (progress_.fps > 0 && progress_.frames_total >= 0) {
        progress_.seconds_left = static_cast<double>(progress_.frames_total - progress_.frames_done) / progress_.fps;
    }
    if (time - watched_ >= memory_look_interval) {
        progress_.limiting_stage = watch_.limiting_stage(profile_);
        watched_ = time;
    }
    if (observer_) observer_(progress_);
}

void ProgressMeter::show_phase(Phase phase, std::int64_t frames_done) {
    progress_.phase = phase;
    progress_.frames_done = frames_done;
    progress_.limiting_stage.clear();
    if (observer_) observer_(progress_);
}

}  // namespace millrace::engine
