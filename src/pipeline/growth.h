#pragma once
// When another lane would help.

#include <chrono>
#include <cstddef>

#include "pipeline/profile.h"
#include "pipeline/station.h"

namespace millrace::pipeline {

/// How long is looked before an answer.
struct GrowthPace {
    std::chrono::milliseconds starving;  ///< for lanes, while the model waits for frames
    std::chrono::milliseconds blocked;   ///< for encoders
};

/// Watches one station. Another lane, which decodes and has an encoder, helps when the model waits for frames most of
/// the time, and when some of it waits for encoders, or there is no model, and cores are idle or are about to be: while
/// no more than one further segment a lane is left, all of them are begun, as the few that come last would not keep all
/// cores at work. While the model starves as many are added as there are, for encoders half of that. Not thread-safe.
class Growth {
  public:
    /// A station as it is seen now.
    struct Seen {
        Next next = Next::works;
        int lanes = 0;         ///< of the station
        std::size_t left = 0;  ///< segments that no lane has taken
        Clock::time_point now;
        double cpu_seconds = 0;  ///< that cores worked for the process so far
    };

    Growth(int cores, GrowthPace pace, const Seen& begin);

    /// How many further lanes the station wants. To be asked many times an interval with what is seen.
    [[nodiscard]] int wanted_lanes(const Seen& seen);

  private:
    /// What was seen since a time.
    struct Window {
        Clock::time_point began;
        double cpu_seconds = 0;
        int looks = 0;
        int hits = 0;

        [[nodiscard]] bool is_over(std::chrono::milliseconds interval, Clock::time_point now) const {
            return now - began >= interval;
        }
    };

    [[nodiscard]] static Window window_at(const Seen& seen) { return {seen.now, seen.cpu_seconds}; }
    [[nodiscard]] bool has_idle_cores(const Seen& seen) const;
    [[nodiscard]] int wanted_for_encoders(const Seen& seen) const;

    int cores_;
    GrowthPace pace_;
    Window starving_;
    Window blocked_;
};

}  // namespace millrace::pipeline
