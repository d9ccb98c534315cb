#include "engine/limits.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

namespace millrace::engine {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

core::PictureDesc picture_of(int width, int height) {
    core::PictureDesc picture;
    picture.width = width;
    picture.height = height;
    return picture;
}

pipeline::ResolvedJob make_job(int context_frames) {
    pipeline::ResolvedJob job;
    job.input.video.picture = picture_of(1920, 1080);
    job.video.emplace();
    job.video->encoder.picture = picture_of(3840, 2160);
    job.video->encoder.context_frames = context_frames;
    return job;
}

int lanes_of(std::size_t memory, int lanes, int cores) {
    RunOptions options;
    options.memory = memory;
    options.lanes = lanes;
    return make_limits(options, make_job(40), cores).lanes;
}

// docs/memory.md, by hand: 1080p 4:2:0 is 3,110,400 bytes, 2160p four times that; their rows are multiples of 64.
TEST(LaneBytes, IsTheDocumentedEstimate) {
    constexpr std::size_t hd = 3'110'400;
    EXPECT_EQ(lane_bytes(make_job(0)), (24 + 24 * std::size_t{4}) * hd);
    EXPECT_EQ(lane_bytes(make_job(40)), (24 + (24 + 80) * std::size_t{4}) * hd);
    pipeline::ResolvedJob data = make_job(40);
    data.video.reset();
    EXPECT_EQ(lane_bytes(data), 24 * hd);
}

TEST(Limits, AsManyLanesAsCoresWhereMemoryAllows) {
    EXPECT_EQ(lanes_of(100'000 * mib, 0, 8), 8);
    EXPECT_EQ(lanes_of(100'000 * mib, 0, 1), 1);
}

TEST(Limits, TheLanesAskedForAreTheMost) {
    EXPECT_EQ(lanes_of(100'000 * mib, 3, 8), 3);
    EXPECT_EQ(lanes_of(100'000 * mib, 30, 8), 30);
}

TEST(Limits, MemoryBoundsTheLanesEvenThoseAskedFor) {
    const std::size_t lane = lane_bytes(make_job(40));
    EXPECT_EQ(lanes_of(3 * lane, 0, 8), 3);
    EXPECT_EQ(lanes_of(3 * lane + lane - 1, 0, 8), 3);
    EXPECT_EQ(lanes_of(2 * lane, 6, 8), 2);
}

TEST(Limits, OneLaneAlwaysRuns) { EXPECT_EQ(lanes_of(1, 0, 8), 1); }

RC_GTEST_PROP(Limits, MoreMemoryNeverMeansFewerLanes, ()) {
    const auto memory = *rc::gen::inRange<std::size_t>(1, 20'000);
    const auto more = memory + *rc::gen::inRange<std::size_t>(0, 20'000);
    const int lanes = *rc::gen::inRange(0, 20);
    const int cores = *rc::gen::inRange(1, 64);
    const int few = lanes_of(memory * mib, lanes, cores);
    RC_ASSERT(few >= 1);
    RC_ASSERT(few <= lanes_of(more * mib, lanes, cores));
    RC_ASSERT(few <= (lanes > 0 ? lanes : cores));
}

TEST(Limits, MemoryIsAQuarterOfTheMachinesUnlessAskedFor) {
    const pipeline::Limits limits = make_limits({}, make_job(0), 2);
    EXPECT_GT(limits.memory, 0U);
    RunOptions options;
    options.memory = 512 * mib;
    EXPECT_EQ(make_limits(options, make_job(0), 2).memory, 512 * mib);
}

}  // namespace
}  // namespace millrace::engine
