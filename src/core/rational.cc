#include "core/rational.h"

#include <cassert>

namespace millrace::core {

namespace {

__extension__ using Int128 = __int128;

Int128 floor_divide(Int128 value, Int128 divisor) {
    const Int128 quotient = value / divisor;
    return (value % divisor != 0 && value < 0) ? quotient - 1 : quotient;
}

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

double to_seconds(std::int64_t ticks, Rational time_base) {
    return static_cast<double>(ticks) * static_cast<double>(time_base.num) / static_cast<double>(time_base.den);
}

}  // namespace millrace::core
