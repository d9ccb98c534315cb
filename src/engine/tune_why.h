#pragma once
// What whole runs decided, with the reason for people.

#include <cstdint>
#include <span>
#include <string>

#include "engine/tune_choice.h"

namespace millrace::engine {

/// "1 frame", "14 frames".
[[nodiscard]] std::string frames_text(std::int64_t frames);

/// Settings that the model by itself is faster with, and those without tuning, in whole runs.
struct WholeComparison {
    TunedSettings found;
    TunedSettings initial;
    double slower = 0;        ///< with `found`, as a share
    std::int64_t frames = 0;  ///< of each run
};

/// Why `initial` stays; "" where `found` does.
[[nodiscard]] std::string why_not(const WholeComparison& compared);

/// 0: they grow as needed.
struct LanesChoice {
    int lanes = 0;
    std::string why;
};

/// `rates` of `lanes`, which cost more one after the other, in whole runs of so many frames. Not empty.
[[nodiscard]] LanesChoice choose_lanes(std::span<const double> rates, std::span<const int> lanes, std::int64_t frames);

}  // namespace millrace::engine
