#include "core/rational.h"

#include <array>
#include <cassert>
#include <charconv>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

namespace millrace::core {

namespace {

__extension__ using Int128 = __int128;

Int128 floor_divide(Int128 value, Int128 divisor) {
    const Int128 quotient = value / divisor;
    return (value % divisor != 0 && value < 0) ? quotient - 1 : quotient;
}

/// All of `text` as digits; nullopt otherwise.
std::optional<std::int64_t> digits(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    std::int64_t value = 0;
    const char* const end = std::to_address(text.end());
    if (std::from_chars(std::to_address(text.begin()), end, value).ec != std::errc{}) return std::nullopt;
    return value;
}

std::optional<Rational> fraction(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash != std::string_view::npos) {
        const auto num = digits(text.substr(0, slash));
        const auto den = digits(text.substr(slash + 1));
        return num && den ? std::optional(Rational{*num, *den}) : std::nullopt;
    }
    const std::size_t point = text.find('.');
    const std::string_view decimals = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    constexpr std::size_t most_decimals = 18;
    const auto num = digits(std::string(text.substr(0, point)) + std::string(decimals));
    if (!num || (point != std::string_view::npos && decimals.empty()) || decimals.size() > most_decimals)
        return std::nullopt;
    std::int64_t den = 1;
    for (std::size_t i = 0; i < decimals.size(); ++i) den *= 10;
    return Rational{*num, den};
}

/// Rates that are written as decimals and mean so many frames in 1001 seconds.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 10> ntsc{{{"23.98", 24000},
                                                                          {"23.976", 24000},
                                                                          {"29.97", 30000},
                                                                          {"29.970", 30000},
                                                                          {"47.95", 48000},
                                                                          {"47.952", 48000},
                                                                          {"59.94", 60000},
                                                                          {"59.940", 60000},
                                                                          {"119.88", 120000},
                                                                          {"119.880", 120000}}};

}  // namespace

std::int64_t rescale(std::int64_t ticks, Rational from, Rational to, Rounding rounding) {
    if (ticks == no_pts) return no_pts;
    assert(from.num > 0 && from.den > 0 && to.num > 0 && to.den > 0);
    const Int128 numerator = static_cast<Int128>(ticks) * from.num * to.den;
    const Int128 denominator = static_cast<Int128>(from.den) * to.num;
    Int128 result = 0;
    switch (rounding) {
        case Rounding::down:
            result = floor_divide(numerator, denominator);
            break;
        case Rounding::up:
            result = -floor_divide(-numerator, denominator);
            break;
        case Rounding::nearest: {
            const Int128 magnitude = numerator < 0 ? -numerator : numerator;
            const Int128 rounded = (magnitude + denominator / 2) / denominator;
            result = numerator < 0 ? -rounded : rounded;
            break;
        }
    }
    assert(result > std::numeric_limits<std::int64_t>::min() && result <= std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(result);
}

std::optional<Rational> parse_rate(std::string_view text) {
    for (const auto& [decimal, frames] : ntsc) {
        if (text == decimal) return Rational{frames, 1001};
    }
    std::optional<Rational> rate = fraction(text);
    if (!rate || rate->num == 0 || rate->den == 0) return std::nullopt;
    const std::int64_t divisor = std::gcd(rate->num, rate->den);
    *rate = {rate->num / divisor, rate->den / divisor};
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (rate->num > most || rate->den > most) return std::nullopt;
    return rate;
}

double to_seconds(std::int64_t ticks, Rational time_base) {
    return static_cast<double>(ticks) * static_cast<double>(time_base.num) / static_cast<double>(time_base.den);
}

}  // namespace millrace::core
