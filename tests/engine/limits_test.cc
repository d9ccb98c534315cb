#include "engine/limits.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "engine/gpu_memory.h"
#include "engine/machine.h"

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
    EXPECT_EQ(lane_bytes(make_job(40)), (24 + (24 + 4 * 40) * std::size_t{4}) * hd);
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

TEST(Limits, ARunOnAGpuBeginsWithSeveralLanes) {
    RunOptions options;
    options.memory = 100'000 * mib;
    pipeline::ResolvedJob job = make_job(40);
    job.model.emplace();
    EXPECT_EQ(make_limits(options, job, 8).first_lanes, 1);
    job.devices = {{device::DeviceKind::cuda, 0}};
    EXPECT_EQ(make_limits(options, job, 8).first_lanes, 4);
    EXPECT_EQ(make_limits(options, job, 3).first_lanes, 3);
    EXPECT_EQ(make_limits(options, job, 24).first_lanes, 12);
    options.lanes = 6;
    EXPECT_EQ(make_limits(options, job, 8).first_lanes, 6);
}

// Its encoders are on the GPU: few sessions, and none of the host's memory.
TEST(Limits, ARunThatEncodesOnAGpuHasAsManyEncodersAsAnyDriverAllows) {
    pipeline::ResolvedJob job = make_job(40);
    EXPECT_EQ(make_limits({}, job, 8).encoders, 0);
    job.video->encoder.device = {device::DeviceKind::cuda, 0};
    EXPECT_EQ(make_limits({}, job, 8).encoders, 3);
    job.devices = {{device::DeviceKind::cuda, 0}, {device::DeviceKind::cuda, 1}};
    EXPECT_EQ(make_limits({}, job, 8).encoders, 6);
    EXPECT_EQ(lane_bytes(job), 24 * std::size_t{3'110'400});
}

TEST(GpuMemory, IsSharedOutToTheLastByte) {
    for (const std::size_t total : {std::size_t{0}, std::size_t{7}, 1000 * mib}) {
        const GpuMemory memory = share_gpu_memory(total);
        EXPECT_EQ(memory.total, total);
        EXPECT_EQ(memory.model + memory.surfaces + memory.decoded + memory.results, total);
        EXPECT_EQ(memory.model, total / 2);
    }
    EXPECT_EQ(gpu_memory_for({}, {device::DeviceId{}}).total, 0U);
}

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

TEST(Limits, MemoryIsAGibibyteACoreUnlessAskedFor) {
    const std::size_t quarter = machine_memory() / 4;
    EXPECT_EQ(make_limits({}, make_job(0), 1).memory, std::min(1024 * mib, quarter));
    EXPECT_EQ(make_limits({}, make_job(0), 2).memory, std::min(2048 * mib, quarter));
    EXPECT_EQ(make_limits({}, make_job(0), 1 << 24U).memory, quarter);
    RunOptions options;
    options.memory = 512 * mib;
    EXPECT_EQ(make_limits(options, make_job(0), 2).memory, 512 * mib);
}

TEST(LimitsNote, SaysWhatWouldAllowTheLanesThatMemoryKeepsBack) {
    pipeline::ResolvedJob job = make_job(40);
    job.input.segments.resize(3);
    RunOptions options;
    options.memory = 2 * lane_bytes(job);
    job.limits = make_limits(options, job, 8);
    const std::string needed = std::to_string(3 * lane_bytes(job) / mib + 1);
    EXPECT_EQ(limits_note(options, job),
              "memory allows 2 of 3 lanes; --memory " + needed + "M allows all (docs/memory.md)");
    options.memory = std::stoul(needed) * mib;
    job.limits = make_limits(options, job, 8);
    EXPECT_EQ(limits_note(options, job), "");
    options.lanes = 1;
    options.memory = 1;
    job.limits = make_limits(options, job, 8);
    EXPECT_EQ(limits_note(options, job), "");  // one lane was all that was asked for
}

}  // namespace
}  // namespace millrace::engine
