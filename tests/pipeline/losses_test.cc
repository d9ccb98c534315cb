// Frames that are damaged, missing, or not asked for.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::fake_model;
using test::FakeJob;
using test::pts_of;
using test::Rig;

TEST(CorruptFrames, AreKeptAndListed) {
    Rig rig(FakeJob{});
    rig.video.corrupt = {120, 150};
    rig.job.input.on_corrupt = CorruptPolicy::conceal;
    const RunResult result = rig.run();
    EXPECT_EQ(result.records.at(1).corrupt_pts, (std::vector<std::int64_t>{120, 150}));
    EXPECT_EQ(result.records.at(1).frames_done, 10);
    EXPECT_TRUE(result.records.at(0).corrupt_pts.empty());
    EXPECT_EQ(rig.packets(1).size(), 10U);
}

TEST(CorruptFrames, AreDroppedAndListed) {
    for (const int context : {0, 4}) {
        FakeJob settings;
        settings.context_frames = context;
        Rig rig(settings);
        rig.video.corrupt = {100, 150, 190};
        rig.job.input.on_corrupt = CorruptPolicy::drop;
        const RunResult result = rig.run();
        const SegmentRecord& record = result.records.at(1);
        EXPECT_EQ(record.dropped_pts, (std::vector<std::int64_t>{100, 150, 190}));
        EXPECT_EQ(record.frames_decoded, 10);
        EXPECT_EQ(record.frames_done, 7);
        EXPECT_EQ(pts_of(rig.packets(1)), (std::vector<std::int64_t>{110, 120, 130, 140, 160, 170, 180}));
        EXPECT_EQ(rig.packets(1).front().substr(0, 7), "110 key");
    }
}

TEST(CorruptFrames, FailNamesFileAndTime) {
    Rig rig(FakeJob{});
    rig.video.corrupt = {150};
    rig.job.input.on_corrupt = CorruptPolicy::fail;
    const core::Error error = error_of([&] { (void)rig.run(); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_EQ(std::string(error.what()).find("fake.mp4: the frame at pts 150 is damaged"), 0U) << error.what();
}

TEST(CorruptFrames, ASegmentOfWhichNothingIsLeftIsEmpty) {
    FakeJob settings;
    settings.context_frames = 4;
    Rig rig(settings);
    for (std::int64_t pts = 100; pts < 200; pts += 10) rig.video.corrupt.insert(pts);
    rig.job.input.on_corrupt = CorruptPolicy::drop;
    const RunResult result = rig.run();
    EXPECT_EQ(result.records.at(1).frames_done, 0);
    EXPECT_TRUE(rig.packets(1).empty());
    EXPECT_EQ(rig.packets(0).size(), 10U);
    EXPECT_EQ(rig.packets(2).size(), 10U);
}

TEST(MissingFrames, AreListedBySegment) {
    FakeJob settings;
    settings.model = fake_model({1, 1}, 1);  // a halo reads them twice
    Rig rig(settings);
    rig.video.missing = {90, 100};
    const RunResult result = rig.run();
    EXPECT_EQ(result.records.at(0).missing_pts, (std::vector<std::int64_t>{90}));
    EXPECT_EQ(result.records.at(1).missing_pts, (std::vector<std::int64_t>{100}));
    EXPECT_EQ(result.records.at(1).frames_decoded, 9);
}

TEST(FrameLimit, EndsAFileThatHasNoUsableIndex) {
    Rig rig(FakeJob{});
    rig.video.index->one_segment_reason = "made up";
    rig.job.input.segments = {Segment{}};
    rig.job.input.frame_limit = 7;
    const RunResult result = rig.run();
    EXPECT_EQ(result.records.at(0).frames_done, 7);
    EXPECT_EQ(pts_of(rig.packets(0)).back(), 60);
}

TEST(Selection, OfAFileWithoutAnIndexIsCutOutWhileReading) {
    Rig rig(FakeJob{});
    rig.video.index->one_segment_reason = "made up";
    rig.job.input.segments = {Segment{0, {200, 250}, 0, -1}};
    (void)rig.run();
    EXPECT_EQ(pts_of(rig.packets(0)), (std::vector<std::int64_t>{200, 210, 220, 230, 240}));
}

}  // namespace
}  // namespace millrace::pipeline
