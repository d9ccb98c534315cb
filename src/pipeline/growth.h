#pragma once
// When another lane would help.

#include <chrono>
#include <cstddef>

#include "pipeline/profile.h"
#include "pipeline/station.h"

namespace millrace::pipeline {

/// `interval`: how long is looked before an answer. Up to `at_once` lanes are added together: while the model starves
/// as many as there are, as a GPU that waits is dear, and a lane takes none of its cores; for encoders half of
/// that.
struct GrowthPace {
    std::chrono::milliseconds interval;
    int at_once = 1;
};

/// Watches one station. Another lane, which decodes and has an encoder, helps when the model waits for frames most of
/// the time, and when some of it waits for encoders, or there is no model, and cores are idle or are about to be: while
/// no more than one further segment a lane is left, all of them are begun, as the few that come last would not keep all
/// cores at work. Not thread-safe.
class Growth {
  public:
    Growth(int cores, GrowthPace pace);

    struct Seen {
        Next next;
        int lanes;         ///< of the station
        std::size_t left;  ///< segments that no lane has taken
    };

    /// How many further lanes the station wants. To be asked many times an interval with what is seen.
    [[nodiscard]] int wanted_lanes(const Seen& seen);

  private:
    [[nodiscard]] bool has_idle_cores();

    int cores_;
    GrowthPace pace_;
    int samples_ = 0;
    int starving_ = 0;
    int blocked_ = 0;
    Clock::time_point checked_;
    double cpu_;
};

}  // namespace millrace::pipeline
