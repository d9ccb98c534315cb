#include "device/interval_union.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace millrace::device {
namespace {

TEST(IntervalUnion, CountsOverlapsOnceAndGapsNot) {
    IntervalUnion time;
    EXPECT_EQ(time.total(), 0U);
    time.add(10, 20);
    time.add(15, 25);  // overlaps
    time.add(25, 30);  // touches
    time.add(40, 50);  // after a gap
    time.add(12, 14);  // within, and late
    time.add(60, 60);
    time.add(70, 65);
    EXPECT_EQ(time.total(), 30U);
    time.add(30, 40);
    EXPECT_EQ(time.total(), 40U);
}

// The oracle is one flag a tick.
RC_GTEST_PROP(IntervalUnion, IsTheTicksThatAnyIntervalCovers, ()) {
    std::vector<bool> covered(2200, false);
    IntervalUnion time(std::size_t{1} << 20U);
    const int count = *rc::gen::inRange(0, 200);
    for (int i = 0; i < count; ++i) {
        const int begin = *rc::gen::inRange(0, 2000);
        const int end = begin + *rc::gen::inRange(0, 200);
        time.add(static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end));
        std::fill(covered.begin() + begin, covered.begin() + end, true);
    }
    RC_ASSERT(time.total() == static_cast<std::uint64_t>(std::ranges::count(covered, true)));
}

// A day of short kernels must not need a day of memory: the window is small, arrivals are a little out of order.
TEST(IntervalUnion, FoldsWhatIsLongAgoWithoutLosingIt) {
    IntervalUnion time(64);
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const std::uint64_t at = 10 * (i ^ 3U);
        time.add(at, at + 7);
    }
    EXPECT_EQ(time.total(), 700'000U);
}

}  // namespace
}  // namespace millrace::device
