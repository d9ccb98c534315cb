// Frames that are handed in become the segments that a run makes of the same frames in a file.

#include "pipeline/pushed_run.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::differing;
using test::error_of;
using test::FakeJob;
using test::Rig;

constexpr std::int64_t frames = 60;
constexpr std::int64_t length = 10;
constexpr std::int64_t step = 10;

struct Pushed {
    std::map<int, SegmentRecord> records;
    std::int64_t first = 0;
    std::int64_t handed_over = 0;
    std::int64_t encoded = 0;
};

/// What Rig's reader would give.
device::Picture picture_of(PicturePools& pools, std::int64_t frame) {
    device::Picture picture = device::lease_picture(pools.host, test::fake_picture_desc());
    for (int plane = 0; plane < 3; ++plane) {
        const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
        const int value = plane == 0 ? test::luma_of(frame) : 128;
        for (int row = 0; row < core::plane_rows(picture.desc, plane); ++row) {
            std::fill_n(view.data + row * view.pitch, core::plane_samples(picture.desc, plane), std::byte(value));
        }
    }
    picture.pts = frame * step;
    picture.duration = step;
    return picture;
}

/// Hands over all frames from the first that is not on disk on.
Pushed push_all(Rig& rig, int encoders, const std::stop_token& stop = {}) {
    rig.job.limits.encoders = encoders;
    rig.job.limits.frames_waiting = std::numeric_limits<std::int64_t>::max();
    Journal journal(rig.job.work_folder, rig.job.identity, OldJournal::resume);
    const PushPlan plan(length, rig.job.video->encoder.context_frames, journal.finished());
    PicturePools pools({});
    PushedRun run({rig.job, plan, rig.backends, journal, rig.profile, pools}, stop);
    Pushed pushed;
    pushed.first = plan.frames_done();
    for (std::int64_t frame = pushed.first; frame < frames; ++frame) {
        if (!plan.wants(frame)) continue;
        ++pushed.handed_over;
        if (run.push(frame, picture_of(pools, frame)) == core::Push::cancelled) break;
    }
    pushed.records = run.finish();
    pushed.encoded = run.frames_encoded();
    return pushed;
}

RC_GTEST_PROP(PushedRun, GivesTheFilesOfARunWhateverIsLeftOfThem, ()) {
    FakeJob settings;
    settings.context_frames = *rc::gen::element(0, 4, 13);
    Rig rig(settings);
    (void)rig.run();
    const std::map<int, std::string> whole = rig.files();
    std::int64_t kept = 0;
    for (const Segment& segment : rig.job.input.segments) {
        if (*rc::gen::arbitrary<bool>()) {
            rig.forget(segment.number);
        } else {
            ++kept;
        }
    }
    const Pushed pushed = push_all(rig, *rc::gen::inRange(1, 4));
    RC_ASSERT(differing(whole, rig.files()).empty());
    RC_ASSERT(pushed.records.size() == whole.size());
    RC_ASSERT(pushed.encoded == frames - kept * length);
    RC_ASSERT(pushed.first % length == 0);
}

TEST(PushedRun, OpensNoMoreEncodersThanItMay) {
    FakeJob settings;
    settings.context_frames = 4;
    Rig rig(settings);
    (void)push_all(rig, 2);
    EXPECT_LE(rig.codec.most_open, 3);  // the next opens when the last packets of one are about to come
    EXPECT_EQ(rig.files().size(), 6U);
}

TEST(PushedRun, AFailureOfAnEncoderIsThrownAtTheEnd) {
    Rig rig(FakeJob{});
    rig.codec.on_send = [](std::int64_t pts) {
        if (pts == 250) throw core::Error(core::ErrorCode::failed, "fake: out of ink");
    };
    const core::Error error = error_of([&] { (void)push_all(rig, 2); });
    EXPECT_STREQ(error.what(), "fake: out of ink");
}

TEST(PushedRun, AStopEndsItAndTheNextOneGoesOn) {
    for (const int context : {0, 4, 13}) {
        FakeJob settings;
        settings.context_frames = context;
        Rig whole(settings);
        (void)whole.run();
        Rig rig(settings);
        std::stop_source stop;
        rig.codec.on_send = [&](std::int64_t pts) {
            if (pts >= 330) stop.request_stop();
        };
        const core::Error error = error_of([&] { (void)push_all(rig, 2, stop.get_token()); });
        EXPECT_EQ(error.code(), core::ErrorCode::interrupted);
        EXPECT_LT(rig.files().size(), 6U);
        rig.codec.on_send = nullptr;
        (void)push_all(rig, 2);
        EXPECT_EQ(differing(whole.files(), rig.files()), std::vector<int>{});
    }
}

TEST(PushPlan, AnEarlierEndIsNotBelieved) {
    std::map<int, SegmentRecord> finished;
    for (const int segment : {0, 1, 3}) finished[segment].frames_done = length;
    finished[2].frames_done = length - 1;
    const PushPlan plan(length, 4, finished);
    EXPECT_EQ(plan.frames_done(), 2 * length);
    EXPECT_EQ(plan.work_on(1), std::nullopt);
    EXPECT_EQ(plan.work_on(2), SegmentWork::full);
    EXPECT_EQ(plan.work_on(3), SegmentWork::head);
    EXPECT_FALSE(plan.wants(19));
    EXPECT_TRUE(plan.wants(20));
    EXPECT_TRUE(plan.wants(33));
    EXPECT_FALSE(plan.wants(34));
    EXPECT_TRUE(plan.wants(40));
}

}  // namespace
}  // namespace millrace::pipeline
