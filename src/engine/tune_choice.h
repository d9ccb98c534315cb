#pragma once
// The rules by which tuning goes on, ends and picks. No measuring here.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/tune_settings.h"

namespace millrace::engine {

/// A setting must be this much faster to be worth more memory, more threads or less precision.
inline constexpr double worthwhile = 0.02;
/// A sweep goes on while a doubling gains this much.
inline constexpr double still_a_gain = 0.03;

/// One setting, and how fast it was: frames a second, measured several times.
struct TunePoint {
    TunedSettings settings;
    std::vector<double> rates;
    double run_seconds = 0;  ///< of one run of the model

    /// The median.
    [[nodiscard]] double fps() const;
    /// How far the measurements lie apart, as a share of the median.
    [[nodiscard]] double spread() const;
};

/// Whether `rates`, of settings that grow, still rise: not after two in a row that gained less than still_a_gain over
/// the best before them.
[[nodiscard]] bool still_rises(std::span<const double> rates);

/// Where the first of `rates` lies that is within `tolerance`, a share, of the highest. Not empty.
[[nodiscard]] std::size_t first_near_best(std::span<const double> rates, double tolerance = worthwhile);

/// Of `points`, not empty, the one that costs least among those that are as fast as the fastest: within `worthwhile`,
/// or half of how far that one's measurements lie apart, where the machine is less quiet. What costs less: float32
/// before float16, ONNX Runtime before TensorRT, small batches before large, one thread a run before several.
[[nodiscard]] const TunePoint& choose(const std::vector<TunePoint>& points);

/// Threads a run for a machine of `cores`: 1, 2, 4, ..., cores.
[[nodiscard]] std::vector<int> thread_counts(int cores);

}  // namespace millrace::engine
