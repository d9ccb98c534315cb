// make_dts: what any muxer asks of decoding timestamps, as properties.
#include "media/join.h"

#include <gtest/gtest.h>
// rapidcheck comes after gtest
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace::media {
namespace {

/// Distinct pts of variable distance from any start, in an order that reorders by at most a few places.
std::vector<std::int64_t> pts_in_decode_order(const std::vector<std::uint16_t>& distances,
                                              const std::vector<std::uint8_t>& swaps, std::int32_t start) {
    std::vector<std::int64_t> pts;
    std::int64_t next = start;
    for (const std::uint16_t distance : distances) {
        pts.push_back(next);
        next += 1 + distance;
    }
    for (std::size_t i = 0; i < swaps.size() && i + 1 < pts.size(); ++i) {
        std::swap(pts[i], pts[std::min(pts.size() - 1, i + swaps[i] % 4)]);
    }
    return pts;
}

/// Of all of a file's packets.
std::vector<std::int64_t> dts_of(const std::vector<std::int64_t>& pts) {
    std::vector<std::int64_t> sorted = pts;
    std::ranges::sort(sorted);
    return make_dts(sorted, largest_reorder(pts));
}

std::int64_t smallest_delay(const std::vector<std::int64_t>& pts) {
    std::vector<std::int64_t> sorted = pts;
    std::ranges::sort(sorted);
    for (std::int64_t delay = 0;; ++delay) {
        bool fits = true;
        for (std::int64_t i = delay; i < std::ssize(pts); ++i) {
            fits = fits && sorted[static_cast<std::size_t>(i - delay)] <= pts[static_cast<std::size_t>(i)];
        }
        if (fits) return delay;
    }
}

RC_GTEST_PROP(Join, DtsIncreaseAndNeverPassTheirPts,
              (const std::vector<std::uint16_t>& distances, const std::vector<std::uint8_t>& swaps,
               std::int32_t start)) {
    const std::vector<std::int64_t> pts = pts_in_decode_order(distances, swaps, start);
    const std::vector<std::int64_t> dts = dts_of(pts);
    RC_ASSERT(dts.size() == pts.size());
    for (std::size_t i = 0; i < pts.size(); ++i) {
        RC_ASSERT(dts[i] <= pts[i]);
        if (i > 0) RC_ASSERT(dts[i - 1] < dts[i]);
    }
}

RC_GTEST_PROP(Join, TheDelayIsTheSmallestThatWorks,
              (const std::vector<std::uint16_t>& distances, const std::vector<std::uint8_t>& swaps,
               std::int32_t start)) {
    const std::vector<std::int64_t> pts = pts_in_decode_order(distances, swaps, start);
    const std::int64_t delay = smallest_delay(pts);
    RC_ASSERT(largest_reorder(pts) == delay);
    // dts are the sorted pts, `delay` packets late.
    std::vector<std::int64_t> sorted = pts;
    std::ranges::sort(sorted);
    const std::vector<std::int64_t> dts = dts_of(pts);
    for (auto i = static_cast<std::size_t>(delay); i < pts.size(); ++i) {
        RC_ASSERT(dts[i] == sorted[i - static_cast<std::size_t>(delay)]);
    }
}

RC_GTEST_PROP(Join, DtsOfWhatIsKnownSoFarAreThoseOfTheWholeFile,
              (const std::vector<std::uint16_t>& distances, const std::vector<std::uint8_t>& swaps)) {
    const std::vector<std::int64_t> pts = pts_in_decode_order(distances, swaps, 0);
    const int reorder = largest_reorder(pts);
    std::vector<std::int64_t> sorted = pts;
    std::ranges::sort(sorted);
    const auto known = *rc::gen::inRange<std::size_t>(std::min<std::size_t>(2, pts.size()), pts.size() + 1);
    const auto first = *rc::gen::inRange<std::size_t>(0, known + 1);
    std::vector<std::int64_t> expected = dts_of(pts);
    expected.resize(known);
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(first));
    RC_ASSERT(make_dts(std::span(sorted).first(known), reorder, first) == expected);
}

TEST(Join, WithoutReorderingDtsArePts) {
    const std::vector<std::int64_t> pts{-5, 0, 7, 1000};
    EXPECT_EQ(dts_of(pts), pts);
    EXPECT_EQ(largest_reorder(pts), 0);
}

TEST(Join, PyramidGetsTwoFramesOfDelayBelowTheStart) {
    const std::vector<std::int64_t> pts{100, 500, 300, 200, 400, 600};  // I P B b b P
    EXPECT_EQ(largest_reorder(pts), 2);
    EXPECT_EQ(dts_of(pts), (std::vector<std::int64_t>{-100, 0, 100, 200, 300, 400}));
}

TEST(Join, VariableDistancesAcrossASeamStayOrdered) {
    // A segment of distance 10 with one B-frame, then one of distance 1: encoders' own dts cross here.
    const std::vector<std::int64_t> pts{0, 20, 10, 30, 40, 42, 41, 43};
    const std::vector<std::int64_t> dts = dts_of(pts);
    EXPECT_EQ(dts, (std::vector<std::int64_t>{-10, 0, 10, 20, 30, 40, 41, 42}));
}

TEST(Join, NothingAndOnePacket) {
    EXPECT_TRUE(dts_of({}).empty());
    EXPECT_EQ(largest_reorder({}), 0);
    const std::vector<std::int64_t> one{42};
    EXPECT_EQ(dts_of(one), one);
}

TEST(Timing, CoarseTicksOfAConstantRateAreConstant) {
    std::vector<std::int64_t> milliseconds;
    for (std::int64_t i = 0; i < 100'000; ++i) milliseconds.push_back(7 + (i * 1001 * 1000 + 12000) / 24000);
    EXPECT_EQ(find_timing(milliseconds, {1, 1000}, {24000, 1001}), FrameTiming::constant);
    EXPECT_EQ(find_timing(milliseconds, {1, 1000}, {24, 1}), FrameTiming::variable);
    EXPECT_EQ(find_timing(milliseconds, {1, 1000}, {0, 1}), FrameTiming::variable);
    milliseconds.at(500) += 3;
    EXPECT_EQ(find_timing(milliseconds, {1, 1000}, {24000, 1001}), FrameTiming::variable);
}

}  // namespace
}  // namespace millrace::media
