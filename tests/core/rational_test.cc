#include "core/rational.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

namespace millrace::core {
namespace {

constexpr Rational microseconds{1, 1'000'000};
constexpr Rational mpeg{1, 90'000};
constexpr Rational millis{1, 1'000};

// Time bases and tick counts for which long double (64 bits of mantissa) is exact in numerator and denominator.
Rational any_time_base() {
    return {*rc::gen::inRange<std::int64_t>(1, 2000), *rc::gen::inRange<std::int64_t>(1, 200'000)};
}
std::int64_t any_ticks() { return *rc::gen::inRange<std::int64_t>(-200'000'000, 200'000'000); }

long double exact_ratio(std::int64_t ticks, Rational from, Rational to) {
    return static_cast<long double>(ticks) * static_cast<long double>(from.num * to.den) /
           static_cast<long double>(from.den * to.num);
}

TEST(Rescale, KnownValues) {
    EXPECT_EQ(rescale(1'001, {1, 30'000}, mpeg), 3'003);
    EXPECT_EQ(rescale(90'000, mpeg, millis), 1'000);
    EXPECT_EQ(rescale(-90'000, mpeg, microseconds), -1'000'000);
    EXPECT_EQ(rescale(3'003, mpeg, millis), 33);  // 33.37
    EXPECT_EQ(rescale(0, mpeg, millis), 0);
}

TEST(Rescale, HalvesGoAwayFromZeroAndModesDiffer) {
    EXPECT_EQ(rescale(45, mpeg, millis), 1);  // 0.5
    EXPECT_EQ(rescale(-45, mpeg, millis), -1);
    EXPECT_EQ(rescale(44, mpeg, millis), 0);
    EXPECT_EQ(rescale(45, mpeg, millis, Rounding::down), 0);
    EXPECT_EQ(rescale(45, mpeg, millis, Rounding::up), 1);
    EXPECT_EQ(rescale(-45, mpeg, millis, Rounding::down), -1);
    EXPECT_EQ(rescale(-45, mpeg, millis, Rounding::up), 0);
    EXPECT_EQ(rescale(-90, mpeg, millis, Rounding::down), -1);
    EXPECT_EQ(rescale(-90, mpeg, millis, Rounding::up), -1);
}

TEST(Rescale, KeepsNoPts) {
    for (const Rounding mode : {Rounding::nearest, Rounding::down, Rounding::up}) {
        EXPECT_EQ(rescale(no_pts, mpeg, millis, mode), no_pts);
    }
}

TEST(Rescale, DoesNotOverflowWithinTheProduct) {
    constexpr std::int64_t large = std::numeric_limits<std::int64_t>::max() / 2;
    EXPECT_EQ(rescale(large, {1, 1'000'000'000}, {1, 1'000'000'000}), large);
    EXPECT_EQ(rescale(large, {1, 2'000'000'000}, {1, 1'000'000'000}, Rounding::down), large / 2);
}

TEST(ParseRate, IsExact) {
    const auto is = [](std::string_view text, Rational rate) {
        EXPECT_EQ(parse_rate(text), std::optional(rate)) << text;
    };
    is("25", {25, 1});
    is("12.5", {25, 2});
    is("0.5", {1, 2});
    is(".5", {1, 2});
    is("30000/1001", {30'000, 1'001});
    is("50/2", {25, 1});
    is("1/90000", {1, 90'000});
    is("2147483647", {2'147'483'647, 1});
    is("23.98", {24'000, 1'001});
    is("23.976", {24'000, 1'001});
    is("29.97", {30'000, 1'001});
    is("47.952", {48'000, 1'001});
    is("59.940", {60'000, 1'001});
    is("119.88", {120'000, 1'001});
    is("23.9760", {2'997, 125});  // not as anybody writes the fraction of 1001
}

TEST(ParseRate, AnythingElseIsNone) {
    for (const std::string_view text : {"",
                                        "0",
                                        "0/1",
                                        "1/0",
                                        "-25",
                                        "+25",
                                        "25.",
                                        "25,0",
                                        "1e2",
                                        "25 ",
                                        " 25",
                                        "25/1/1",
                                        "25/1.5",
                                        "inf",
                                        "pal",
                                        "2147483648",
                                        "0.0000000001",
                                        "99999999999999999999",
                                        "1/99999999999999999999",
                                        "1.0000000000000000000"}) {
        EXPECT_EQ(parse_rate(text), std::nullopt) << text;
    }
}

RC_GTEST_PROP(Rescale, NearestIsWithinHalfATick, ()) {
    const Rational from = any_time_base();
    const Rational to = any_time_base();
    const std::int64_t ticks = any_ticks();
    RC_ASSERT(std::llroundl(exact_ratio(ticks, from, to)) == rescale(ticks, from, to));
}

RC_GTEST_PROP(Rescale, DownAndUpBracketTheExactValue, ()) {
    const Rational from = any_time_base();
    const Rational to = any_time_base();
    const std::int64_t ticks = any_ticks();
    const std::int64_t down = rescale(ticks, from, to, Rounding::down);
    const std::int64_t up = rescale(ticks, from, to, Rounding::up);
    // Cross-multiplied: down * d <= n <= up * d, and the bracket is as narrow as it can be.
    __extension__ using Wide = __int128;
    const Wide n = static_cast<Wide>(ticks) * from.num * to.den;
    const Wide d = static_cast<Wide>(from.den) * to.num;
    RC_ASSERT(down * d <= n);
    RC_ASSERT(up * d >= n);
    RC_ASSERT(up - down == (n % d == 0 ? 0 : 1));
}

RC_GTEST_PROP(Rescale, ThereAndBackThroughAFinerTimeBaseIsTheSame, ()) {
    const Rational coarse = any_time_base();
    const Rational fine{coarse.num, coarse.den * *rc::gen::inRange<std::int64_t>(1, 1000)};
    const std::int64_t ticks = any_ticks();
    RC_ASSERT(rescale(rescale(ticks, coarse, fine), fine, coarse) == ticks);
}

RC_GTEST_PROP(Rescale, KeepsOrder, ()) {
    const Rational from = any_time_base();
    const Rational to = any_time_base();
    const std::int64_t a = any_ticks();
    const std::int64_t b = a + *rc::gen::inRange<std::int64_t>(0, 1'000'000);
    const Rounding mode = *rc::gen::element(Rounding::nearest, Rounding::down, Rounding::up);
    RC_ASSERT(rescale(a, from, to, mode) <= rescale(b, from, to, mode));
}

TEST(ToSeconds, IsTicksTimesTimeBase) {
    EXPECT_DOUBLE_EQ(to_seconds(180'000, mpeg), 2.0);
    EXPECT_DOUBLE_EQ(to_seconds(-30, {1'001, 30'000}), -1.001);
}

}  // namespace
}  // namespace millrace::core
