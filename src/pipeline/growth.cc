#include "pipeline/growth.h"

#include <algorithm>
#include <utility>

#include "core/usage.h"

namespace millrace::pipeline {

namespace {

/// A lane is added while the process leaves more of the machine idle than this.
constexpr double idle_share = 0.05;
/// Encoders that keep the model waiting for more of the time than one part in so many are behind.
constexpr int blocked_part = 8;

}  // namespace

Growth::Growth(int cores, GrowthPace pace)
    : cores_(cores), pace_(pace), checked_(Clock::now()), cpu_(core::cpu_seconds()) {}

int Growth::wanted_lanes(const Seen& seen) {
    ++samples_;
    if (seen.next == Next::starves) ++starving_;
    if (seen.next == Next::is_blocked) ++blocked_;
    if (Clock::now() - checked_ < pace_.interval) return 0;
    const int samples = std::exchange(samples_, 0);
    const bool starves = 2 * std::exchange(starving_, 0) > samples;
    const bool blocked = blocked_part * std::exchange(blocked_, 0) > samples;
    const bool idles = has_idle_cores();
    if (starves) return std::min(pace_.at_once, seen.lanes);
    const bool ends = std::cmp_less_equal(seen.left, seen.lanes);
    return blocked && (idles || ends) ? std::clamp(seen.lanes / 2, 1, pace_.at_once) : 0;
}

bool Growth::has_idle_cores() {
    const Clock::time_point now = Clock::now();
    const double cpu = core::cpu_seconds();
    const double wall = std::chrono::duration<double>(now - checked_).count();
    const double used = (cpu - cpu_) / (wall * cores_);
    checked_ = now;
    cpu_ = cpu;
    return used < 1 - idle_share;
}

}  // namespace millrace::pipeline
