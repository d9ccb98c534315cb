#pragma once
// The rules by which tuning goes on, ends and picks. No measuring here.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/tune_settings.h"

namespace millrace::engine {

/// A setting must be this much faster to be worth more memory, more threads or less precision.
inline constexpr double worthwhile = 0.02;
/// A sweep goes on while a doubling gains this much.
inline constexpr double still_a_gain = 0.03;
/// A figure should stand on as many frames: of fewer, one more or less is over 4 %.
inline constexpr int enough_frames = 24;
/// Of the time, for one setting of the model by itself; that often three measurements of enough_frames fit into what is
/// meant for them, and as often whole runs of as many.
inline constexpr double share_of_a_point = 0.05;

/// One setting, and how fast it was: frames a second, measured several times.
struct TunePoint {
    TunedSettings settings;
    std::vector<double> rates;
    double run_seconds = 0;   ///< of one run of the model
    std::int64_t frames = 0;  ///< that all of `rates` stand on

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

/// Whether a run with `a` costs less than with `b`: float32 before float16, ONNX Runtime before TensorRT, small batches
/// before large, one thread a run before several.
[[nodiscard]] bool costs_less(const TunedSettings& a, const TunedSettings& b);

/// Of `points`, not empty, the one that costs least among those that are as fast as the fastest: within `worthwhile`,
/// or half of how far that one's measurements lie apart, where the machine is less quiet.
[[nodiscard]] const TunePoint& choose(const std::vector<TunePoint>& points);

/// The least difference between whole runs of so many frames that is one, as a share: a frame more or less is none.
[[nodiscard]] double told_by(std::int64_t frames);

/// What whole runs say of settings that the model by itself is faster with.
enum class Veto { none, slower, untold };

/// `slower`: how much slower whole runs of `frames` frames are with `found` than with `initial`, as a share. untold: no
/// more than such runs can tell, and `initial` costs less, so that it stays.
[[nodiscard]] Veto veto_of(double slower, std::int64_t frames, const TunedSettings& found,
                           const TunedSettings& initial);

/// What a choice stands on.
struct Figure {
    double fps = 0;
    std::int64_t frames = 0;
    bool whole_clip = false;  ///< there are no more frames
};

/// What of it is too little.
struct FewFrames {
    std::int64_t frames = 0;   ///< the fewest that a figure stands on
    double seconds = 0;        ///< of tuning that would give every figure enough; 0: time is not what they lack
    bool longer_clip = false;  ///< some lack frames of the clip
};

/// Of figures on fewer than enough_frames; nullopt: there is none.
[[nodiscard]] std::optional<FewFrames> few_of(std::span<const Figure> figures);

/// Threads a run for a machine of `cores`: 1, 2, 4, ..., cores.
[[nodiscard]] std::vector<int> thread_counts(int cores);

}  // namespace millrace::engine
