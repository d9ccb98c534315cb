#include "pipeline/growth.h"

#include <algorithm>
#include <utility>

namespace millrace::pipeline {

namespace {

/// A lane is added while the process leaves more of the machine idle than this.
constexpr double idle_share = 0.05;
/// Encoders that keep the model waiting for more of the time than one part in so many are behind.
constexpr int blocked_part = 8;
constexpr int most_at_once = 8;

}  // namespace

Growth::Growth(int cores, GrowthPace pace, const Seen& begin)
    : cores_(cores), pace_(pace), starving_(window_at(begin)), blocked_(window_at(begin)) {}

int Growth::wanted_lanes(const Seen& seen) {
    for (const auto& [window, hit] : {std::pair(&starving_, Next::starves), std::pair(&blocked_, Next::is_blocked)}) {
        ++window->looks;
        if (seen.next == hit) ++window->hits;
    }
    int wanted = 0;
    if (starving_.is_over(pace_.starving, seen.now)) {
        if (2 * starving_.hits > starving_.looks) wanted = std::min(most_at_once, seen.lanes);
        starving_ = window_at(seen);
    }
    if (blocked_.is_over(pace_.blocked, seen.now)) {
        if (wanted == 0) wanted = wanted_for_encoders(seen);
        blocked_ = window_at(seen);
    }
    // What there is more of now shows from here on.
    if (wanted > 0) starving_ = blocked_ = window_at(seen);
    return wanted;
}

int Growth::wanted_for_encoders(const Seen& seen) const {
    if (blocked_part * blocked_.hits <= blocked_.looks) return 0;
    const bool ends = std::cmp_less_equal(seen.left, seen.lanes);
    return has_idle_cores(seen) || ends ? std::clamp(seen.lanes / 2, 1, most_at_once) : 0;
}

bool Growth::has_idle_cores(const Seen& seen) const {
    const double wall = std::chrono::duration<double>(seen.now - blocked_.began).count();
    return seen.cpu_seconds - blocked_.cpu_seconds < (1 - idle_share) * wall * cores_;
}

}  // namespace millrace::pipeline
