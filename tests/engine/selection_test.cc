#include "engine/selection.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "engine/prepared.h"

namespace millrace::engine {
namespace {

__extension__ using Wide = __int128;

constexpr core::Rational mpeg{1, 90'000};

std::vector<std::int64_t> chosen(const OpenedInput& input, const Selection& selection) {
    std::vector<std::int64_t> frames;
    for (const std::int64_t pts : input.index->frame_pts) {
        if (pts >= selection.range.begin && pts < selection.range.end) frames.push_back(pts);
    }
    return frames;
}

OpenedInput any_input() {
    const core::Rational time_base =
        *rc::gen::elementOf(std::vector<core::Rational>{{1, 1000}, {1, 90'000}, {1001, 30'000}, {1, 12'800}});
    std::int64_t pts = *rc::gen::inRange<std::int64_t>(-1'000, 1'000'000);
    std::vector<std::int64_t> all;
    const auto frames = *rc::gen::inRange<std::size_t>(1, 100);
    for (std::size_t i = 0; i < frames; ++i) {
        all.push_back(pts);
        pts += *rc::gen::inRange<std::int64_t>(1, 5'000);
    }
    return test::make_input(std::move(all), time_base);
}

// `ticks` of the time base, compared with microseconds, exactly.
bool at_or_after(std::int64_t ticks, core::Rational time_base, std::int64_t us) {
    return static_cast<Wide>(ticks) * time_base.num * 1'000'000 >= static_cast<Wide>(us) * time_base.den;
}

InputOptions any_options() {
    InputOptions options;
    if (*rc::gen::arbitrary<bool>()) options.start_us = *rc::gen::inRange<std::int64_t>(0, 20'000'000);
    if (*rc::gen::arbitrary<bool>()) options.duration_us = *rc::gen::inRange<std::int64_t>(0, 20'000'000);
    if (*rc::gen::arbitrary<bool>()) options.frames = *rc::gen::inRange<std::int64_t>(0, 60);
    return options;
}

RC_GTEST_PROP(Selection, IsTheFramesWithinTheTimesFromTheFirstFrame, ()) {
    const OpenedInput input = any_input();
    const InputOptions options = any_options();
    const core::Rational time_base = input.video().time_base;
    const std::int64_t origin = input.index->frame_pts.front();
    const std::int64_t start = options.start_us.value_or(0);
    std::vector<std::int64_t> expected;
    for (const std::int64_t pts : input.index->frame_pts) {
        const bool begun = at_or_after(pts - origin, time_base, start);
        const bool ended = options.duration_us && at_or_after(pts - origin, time_base, start + *options.duration_us);
        if (begun && !ended) expected.push_back(pts);
    }
    if (options.frames && static_cast<std::int64_t>(expected.size()) > *options.frames) {
        expected.resize(static_cast<std::size_t>(*options.frames));
    }
    RC_ASSERT(chosen(input, select_frames(input, options)) == expected);
}

RC_GTEST_PROP(Selection, TimesMoveByWhatIsSkippedToTheNearestTick, ()) {
    const OpenedInput input = any_input();
    const InputOptions options = any_options();
    const Selection selection = select_frames(input, options);
    const core::Rational time_base = input.video().time_base;
    const double tick = core::to_seconds(1, time_base);
    const double asked = static_cast<double>(options.start_us.value_or(0)) / 1e6;
    RC_ASSERT(std::abs(core::to_seconds(selection.shift, time_base) - asked) <= tick / 2 + 1e-9);
    // Copied streams move by the same, but for their microseconds.
    RC_ASSERT(std::abs(static_cast<double>(selection.shift_us) / 1e6 - core::to_seconds(selection.shift, time_base)) <=
              0.5e-6 + 1e-12);
    for (const std::int64_t pts : chosen(input, selection)) {
        RC_ASSERT(pts - selection.shift >= input.index->frame_pts.front());
    }
}

TEST(Selection, IsEverythingUnlessAskedFor) {
    const Selection selection = select_frames(test::make_input({0, 3003, 6006}, mpeg), {});
    EXPECT_EQ(selection.range.begin, media::FrameRange{}.begin);
    EXPECT_EQ(selection.range.end, media::FrameRange{}.end);
    EXPECT_EQ(selection.shift, 0);
    EXPECT_EQ(selection.begin_us, INT64_MIN);
    EXPECT_EQ(selection.end_us, INT64_MAX);
    EXPECT_FALSE(selection.frame_limit.has_value());
}

TEST(Selection, CopiedStreamsAreCutAtTheSameTimes) {
    InputOptions options;
    options.start_us = 1'000'000;
    options.duration_us = 2'000'000;
    const Selection selection = select_frames(test::make_input({900'000, 1'800'000}, mpeg), options);
    EXPECT_EQ(selection.begin_us, 11'000'000);  // the file begins at 10 s
    EXPECT_EQ(selection.end_us, 13'000'000);
    EXPECT_EQ(selection.shift_us, 1'000'000);
}

TEST(Selection, AnyNumberOfFramesIsAllowed) {
    InputOptions options;
    options.start_us = 100'000;
    options.frames = std::numeric_limits<std::int64_t>::max();
    const OpenedInput input = test::make_input({0, 9'000, 18'000}, mpeg);
    EXPECT_EQ(chosen(input, select_frames(input, options)), (std::vector<std::int64_t>{9'000, 18'000}));
}

TEST(Selection, WithoutAnIndexFramesAreCounted) {
    OpenedInput input = test::make_input({}, mpeg);
    media::PacketIndex index;
    index.one_segment_reason = "standard input";
    input.index = std::make_shared<const media::PacketIndex>(std::move(index));
    InputOptions options;
    options.frames = 25;
    const Selection selection = select_frames(input, options);
    EXPECT_EQ(selection.frame_limit, 25);
    EXPECT_EQ(selection.range.end, media::FrameRange{}.end);
}

}  // namespace
}  // namespace millrace::engine
