#include "pipeline/plan.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/support.h"

namespace millrace::pipeline {
namespace {

using test::make_index;

constexpr core::Rational millis{1, 1000};
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

PlanSettings settings_of(std::optional<double> seconds = std::nullopt) {
    PlanSettings settings;
    settings.time_base = millis;
    settings.segment_seconds = seconds;
    return settings;
}

std::vector<std::int64_t> frames_within(const media::PacketIndex& index, const media::FrameRange& range) {
    std::vector<std::int64_t> frames;
    std::copy_if(index.frame_pts.begin(), index.frame_pts.end(), std::back_inserter(frames),
                 [&](std::int64_t pts) { return pts >= range.begin && pts < range.end; });
    return frames;
}

media::PacketIndex any_index() {
    const auto frames = *rc::gen::inRange<std::size_t>(1, 300);
    std::int64_t pts = *rc::gen::inRange<std::int64_t>(-5000, 5000);
    std::vector<std::int64_t> all;
    std::vector<std::size_t> access{0};
    for (std::size_t frame = 0; frame < frames; ++frame) {
        all.push_back(pts);
        pts += *rc::gen::inRange<std::int64_t>(1, 400);
        if (frame > 0 && *rc::gen::inRange(0, 8) == 0) access.push_back(frame);
    }
    return make_index(std::move(all), access);
}

PlanSettings any_settings(const media::PacketIndex& index) {
    PlanSettings settings = settings_of();
    if (*rc::gen::arbitrary<bool>()) settings.segment_seconds = *rc::gen::inRange(1, 6000) / 1000.0;
    settings.rate_controlled = *rc::gen::arbitrary<bool>();
    settings.cuttable = *rc::gen::inRange(0, 5) > 0;
    const std::int64_t first = index.frame_pts.front() - 10;
    const std::int64_t length = index.frame_pts.back() - first + 20;
    if (*rc::gen::arbitrary<bool>()) settings.selection.begin = first + *rc::gen::inRange<std::int64_t>(0, length);
    if (*rc::gen::arbitrary<bool>()) settings.selection.end = first + *rc::gen::inRange<std::int64_t>(0, length);
    return settings;
}

RC_GTEST_PROP(Plan, SegmentsPartitionTheSelectedFrames, ()) {
    const media::PacketIndex index = any_index();
    const PlanSettings settings = any_settings(index);
    const std::vector<Segment> segments = make_plan(index, settings);
    const std::vector<std::int64_t> selected = frames_within(index, settings.selection);
    if (selected.empty()) {
        RC_ASSERT(segments.empty());
        return;
    }
    RC_ASSERT(segments.front().range.begin == settings.selection.begin);
    RC_ASSERT(segments.back().range.end == settings.selection.end);
    std::int64_t frames = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        RC_ASSERT(segments[i].number == static_cast<int>(i));
        RC_ASSERT(segments[i].first_frame == frames);
        if (i > 0) RC_ASSERT(segments[i].range.begin == segments[i - 1].range.end);
        const auto held = static_cast<std::int64_t>(frames_within(index, segments[i].range).size());
        RC_ASSERT(segments[i].frame_count == held);
        RC_ASSERT(held > 0);
        frames += held;
    }
    RC_ASSERT(frames == static_cast<std::int64_t>(selected.size()));
}

RC_GTEST_PROP(Plan, CutsLieAtAccessPointsNoNearerThanAskedFor, ()) {
    const media::PacketIndex index = any_index();
    const PlanSettings settings = any_settings(index);
    const std::vector<Segment> segments = make_plan(index, settings);
    const std::int64_t length = segment_ticks(index, settings);
    RC_ASSERT(settings.cuttable || segments.size() <= 1);
    for (std::size_t i = 1; i < segments.size(); ++i) {
        const std::int64_t cut = segments[i].range.begin;
        const std::int64_t begin = frames_within(index, segments[i - 1].range).front();
        RC_ASSERT(cut - begin >= length);
        const auto& points = index.access_points;
        RC_ASSERT(std::any_of(points.begin(), points.end(), [&](const auto& point) { return point.pts == cut; }));
        // No access point in between would have done.
        RC_ASSERT(std::none_of(points.begin(), points.end(),
                               [&](const auto& point) { return point.pts < cut && point.pts >= begin + length; }));
    }
}

RC_GTEST_PROP(Plan, FollowsFromInputAndSettingsAlone, ()) {
    const media::PacketIndex index = any_index();
    const PlanSettings settings = any_settings(index);
    const auto first = make_plan(index, settings);
    const auto second = make_plan(index, settings);
    RC_ASSERT(std::equal(first.begin(), first.end(), second.begin(), second.end(), [](const auto& a, const auto& b) {
        return a.range.begin == b.range.begin && a.range.end == b.range.end;
    }));
}

TEST(SegmentTicks, IsATwelfthBetweenTwoAndTenSeconds) {
    const auto ticks_of = [](std::int64_t seconds, bool rate_controlled) {
        PlanSettings settings = settings_of();
        settings.rate_controlled = rate_controlled;
        return segment_ticks(make_index(seconds * 10 + 1, 100, 10), settings);
    };
    EXPECT_EQ(ticks_of(6, false), 2'000);
    EXPECT_EQ(ticks_of(24, false), 2'000);
    EXPECT_EQ(ticks_of(60, false), 5'000);
    EXPECT_EQ(ticks_of(3600, false), 10'000);
    EXPECT_EQ(ticks_of(60, true), 10'000);
    EXPECT_EQ(ticks_of(3600, true), 10'000);
}

TEST(SegmentTicks, IsAtLeastFourTimesTheContextUpToTenSeconds) {
    const auto ticks_of = [](std::int64_t seconds, int context) {
        PlanSettings settings = settings_of();
        settings.context_frames = context;
        return segment_ticks(make_index(seconds * 10, 100, 10), settings);
    };
    EXPECT_NEAR(static_cast<double>(ticks_of(15, 4)), 2'000, 0);
    EXPECT_NEAR(static_cast<double>(ticks_of(15, 10)), 4'000, 40);
    EXPECT_NEAR(static_cast<double>(ticks_of(60, 10)), 5'000, 10);
    EXPECT_EQ(ticks_of(15, 40), 10'000);
    EXPECT_EQ(ticks_of(3600, 40), 10'000);
}

TEST(SegmentTicks, GoesByTheSelectionNotTheFile) {
    PlanSettings settings = settings_of();
    settings.selection = {0, 60'001};
    EXPECT_EQ(segment_ticks(make_index(36'000, 100, 10), settings), 5'000);
}

TEST(SegmentTicks, WhatIsAskedForBeatsTheRule) {
    PlanSettings settings = settings_of(0.5);
    settings.rate_controlled = true;
    EXPECT_EQ(segment_ticks(make_index(1000, 100, 10), settings), 500);
}

TEST(Plan, CutsAtTheFirstAccessPointThatIsFarEnough) {
    // Frames 40 ms apart, an access point each second.
    const std::vector<Segment> segments = make_plan(make_index(250, 40, 25, 80), settings_of(2.5));
    ASSERT_EQ(segments.size(), 4U);
    EXPECT_EQ(segments[0].range.begin, lowest);
    EXPECT_EQ(segments[1].range.begin, 3'080);
    EXPECT_EQ(segments[2].range.begin, 6'080);
    EXPECT_EQ(segments[3].range.begin, 9'080);
    EXPECT_EQ(segments[3].range.end, highest);
    EXPECT_EQ(segments[3].frame_count, 25);
}

TEST(Plan, AFileThatCannotBeCutIsOneSegment) {
    media::PacketIndex index = make_index(1000, 100, 10);
    index.one_segment_reason = "two frames share pts 3003";
    PlanSettings settings = settings_of(1);
    settings.selection = {500, 9000};
    const std::vector<Segment> segments = make_plan(index, settings);
    ASSERT_EQ(segments.size(), 1U);
    EXPECT_EQ(segments[0].range.begin, 500);
    EXPECT_EQ(segments[0].range.end, 9000);
    EXPECT_EQ(segments[0].frame_count, -1);
}

TEST(Plan, OneAccessPointIsOneSegment) { EXPECT_EQ(make_plan(make_index(1000, 100, 5000), settings_of(1)).size(), 1U); }

TEST(Plan, AnyLengthThatIsLongerThanTheFileIsOneSegment) {
    const media::PacketIndex index = make_index(1000, 100, 10);
    for (const double seconds : {1e3, 1e12, 1e18, 1e300, std::numeric_limits<double>::infinity()}) {
        EXPECT_EQ(make_plan(index, settings_of(seconds)).size(), 1U) << seconds;
    }
}

TEST(Plan, ATinyLengthCutsAtEveryAccessPoint) {
    EXPECT_EQ(make_plan(make_index(100, 100, 10), settings_of(1e-9)).size(), 10U);
}

RC_GTEST_PROP(Halo, AddsTheAskedNumberOfFramesWhereTheFileHasThem, ()) {
    const media::PacketIndex index = any_index();
    const PlanSettings settings = any_settings(index);
    const int before = *rc::gen::inRange(0, 5);
    const int after = *rc::gen::inRange(0, 5);
    const auto total = static_cast<std::int64_t>(index.frame_pts.size());
    for (const Segment& segment : make_plan(index, settings)) {
        const media::FrameRange wide = with_halo(index, segment.range, before, after);
        const auto own = frames_within(index, segment.range);
        const auto seen = frames_within(index, wide);
        const std::int64_t first = index.frames_before(own.front());
        const std::int64_t left = std::min<std::int64_t>(before, first);
        const std::int64_t right = std::min<std::int64_t>(after, total - first - static_cast<std::int64_t>(own.size()));
        RC_ASSERT(static_cast<std::int64_t>(seen.size()) == left + static_cast<std::int64_t>(own.size()) + right);
        RC_ASSERT(seen[static_cast<std::size_t>(left)] == own.front());
    }
}

TEST(Halo, NoneLeavesTheRangeAlone) {
    const media::FrameRange wide = with_halo(make_index(100, 10, 10), {200, 400}, 0, 0);
    EXPECT_EQ(wide.begin, 200);
    EXPECT_EQ(wide.end, 400);
}

}  // namespace
}  // namespace millrace::pipeline
