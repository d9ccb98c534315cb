#pragma once
// Exact time: 64-bit ticks in a rational time base. No floating point seconds except for display.

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace millrace::core {

/// num/den, den > 0. A time base in seconds per tick, a frame rate in frames per second, or an aspect ratio.
struct Rational {
    std::int64_t num = 0;
    std::int64_t den = 1;

    friend constexpr bool operator==(const Rational&, const Rational&) = default;
};

/// "No timestamp". Equal to FFmpeg's AV_NOPTS_VALUE.
inline constexpr std::int64_t no_pts = std::numeric_limits<std::int64_t>::min();

/// Which way a tick count that does not fit the target time base is rounded.
enum class Rounding { nearest, down, up };

/// `ticks` of time base `from`, in ticks of `to`. 128-bit intermediate; nearest rounds halves away from zero.
/// no_pts stays no_pts. Asserts that the result fits 64 bits.
[[nodiscard]] std::int64_t rescale(std::int64_t ticks, Rational from, Rational to,
                                   Rounding rounding = Rounding::nearest);

/// "25", "12.5", "30000/1001"; "29.97", "23.976" and the like mean the fraction of 1001. In lowest terms, above 0, both
/// parts at most 2^31 - 1; nullopt for anything else.
[[nodiscard]] std::optional<Rational> parse_rate(std::string_view text);

/// Seconds, for display only.
[[nodiscard]] double to_seconds(std::int64_t ticks, Rational time_base);

}  // namespace millrace::core
