// Frames through the lanes, the model and the encoders to the files of their segments.

#include "pipeline/runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::differing;
using test::fake_model;
using test::FakeJob;
using test::kinds_of_jobs;
using test::luma_of;
using test::Rig;

// Frames [first, last) as one encoder instance of `lookahead` gives them when it is fed `context` more frames behind.
std::vector<std::string> expected_packets(std::int64_t first, std::int64_t last, std::int64_t context) {
    std::vector<std::string> payloads;
    for (std::int64_t frame = first; frame < last; ++frame) {
        std::string text = fmt::format("{} {} {} |", frame * 10, frame == first ? "key" : "auto", luma_of(frame));
        if (frame > first) text += fmt::format(" {}", luma_of(frame - 1));
        text += " |";
        for (std::int64_t ahead = frame + 1; ahead <= frame + context; ++ahead) {
            if (ahead < last + context && ahead < 60) text += fmt::format(" {}", luma_of(ahead));
        }
        payloads.push_back(text);
    }
    return payloads;
}

TEST(Runner, FramesGetToTheirSegmentInOrderWithTheNextSegmentsHeadBehind) {
    for (const int context : {0, 4}) {
        FakeJob settings;
        settings.context_frames = context;
        Rig rig(settings);
        const RunResult result = rig.run();
        ASSERT_EQ(result.records.size(), 6U);
        for (const Segment& segment : rig.job.input.segments) {
            EXPECT_EQ(rig.packets(segment.number),
                      expected_packets(segment.first_frame, segment.first_frame + segment.frame_count, context));
            const SegmentRecord& record = result.records.at(segment.number);
            EXPECT_EQ(record.frames_decoded, segment.frame_count);
            EXPECT_EQ(record.frames_done, segment.frame_count);
            EXPECT_EQ(record.digest.records, segment.frame_count);
            EXPECT_EQ(record.stream.value().codec, "fake");
        }
        EXPECT_EQ(result.segments_reused, 0);
    }
}

// A GPU has only so many sessions.
TEST(Runner, NoMoreEncodersAreOpenThanAllowed) {
    for (const int context : {0, 4}) {
        FakeJob settings;
        settings.lanes = 5;
        settings.context_frames = context;
        Rig rig(settings);
        rig.job.limits.first_lanes = 5;
        rig.job.limits.encoders = 2;
        rig.job.video->encoder.device = {device::DeviceKind::cuda, 0};
        const RunResult result = rig.run();
        EXPECT_EQ(result.records.size(), 6U);
        EXPECT_LE(rig.codec.most_open, 2);
        settings.lanes = 1;
        Rig one(settings);
        (void)one.run();
        EXPECT_EQ(differing(rig.files(), one.files()), std::vector<int>{});
    }
}

// The pictures of a station are on its device, and so must be what encodes them.
TEST(Runner, EachStationsSegmentsHaveItsEncoders) {
    FakeJob settings;
    settings.model = fake_model({}, 1);
    settings.stations = 2;
    settings.lanes = 2;
    Rig rig(settings);
    std::mutex mutex;
    std::map<std::size_t, int> made;
    rig.backends.make_encoder = [&, make = rig.backends.make_encoder](std::size_t station) {
        const std::lock_guard lock(mutex);
        ++made[station];
        return make(station);
    };
    (void)rig.run();
    EXPECT_EQ(made[0] + made[1], 6);
    EXPECT_GT(made[0], 0);
    EXPECT_GT(made[1], 0);
}

TEST(Runner, ContextMayBeLongerThanTheNextSegment) {
    FakeJob settings;
    settings.frames = 15;
    settings.context_frames = 8;
    Rig rig(settings);
    (void)rig.run();
    const std::vector<std::string> packets = rig.packets(0);
    ASSERT_EQ(packets.size(), 10U);
    EXPECT_EQ(packets.back(), fmt::format("90 auto {} | {} | {} {} {} {} {}", luma_of(9), luma_of(8), luma_of(10),
                                          luma_of(11), luma_of(12), luma_of(13), luma_of(14)));
}

TEST(Runner, TheJournalHoldsWhatTheResultSays) {
    FakeJob settings;
    Rig rig(settings);
    const RunResult result = rig.run();
    const Journal journal(rig.job.work_folder, rig.job.identity, OldJournal::resume);
    EXPECT_EQ(journal.finished(), result.records);
}

TEST(Runner, PtsAreShifted) {
    FakeJob settings;
    settings.context_frames = 3;
    Rig rig(settings);
    rig.job.video->pts_shift = 70;
    (void)rig.run();
    EXPECT_EQ(rig.packets(2).front().substr(0, 8), "130 key ");
    EXPECT_EQ(rig.packets(2).size(), 10U);
}

// What a model of one frame gives is the frame; so everything is as without a model.
TEST(Runner, AModelsResultsGetToTheirSegmentInOrder) {
    for (const int batch : {1, 3}) {
        for (const int workers : {1, 3}) {
            FakeJob settings;
            settings.context_frames = 4;
            settings.model = fake_model({}, batch);
            settings.model_workers = workers;
            Rig rig(settings);
            (void)rig.run();
            for (const Segment& segment : rig.job.input.segments) {
                EXPECT_EQ(rig.packets(segment.number),
                          expected_packets(segment.first_frame, segment.first_frame + segment.frame_count, 4));
            }
        }
    }
}

int luma_in(const std::string& packet) {
    std::istringstream text(packet);
    std::string kind;
    std::int64_t pts = 0;
    int luma = 0;
    text >> pts >> kind >> luma;
    return luma;
}

TEST(Runner, AWindowSeesItsNeighboursAcrossSegmentsAndRepeatsTheFilesEnds) {
    FakeJob settings;
    settings.model = fake_model({2, 1}, 2);
    Rig rig(settings);
    (void)rig.run();
    const auto luma_at = [](std::int64_t frame) { return luma_of(std::clamp<std::int64_t>(frame, 0, 59)); };
    for (const Segment& segment : rig.job.input.segments) {
        const std::vector<std::string> packets = rig.packets(segment.number);
        ASSERT_EQ(packets.size(), 10U);
        for (std::int64_t i = 0; i < 10; ++i) {
            const std::int64_t frame = segment.first_frame + i;
            const double expected =
                (luma_at(frame - 2) + 2 * luma_at(frame - 1) + 3 * luma_at(frame) + 4 * luma_at(frame + 1)) / 10.0;
            EXPECT_NEAR(luma_in(packets[static_cast<std::size_t>(i)]), expected, 0.5001) << frame;
        }
    }
}

TEST(Runner, ASequentialModelCarriesItsStateThroughAllSegments) {
    FakeJob settings;
    settings.model = fake_model({}, 1, infer::Order::sequential);
    settings.lanes = 4;
    Rig rig(settings);
    rig.job.limits.first_lanes = 4;  // one all the same: segments reach the model in order
    (void)rig.run();
    EXPECT_EQ(rig.video.readers, 1);
    // The state is zero before the first frame: black, which is 16.
    double state = 16;
    for (const Segment& segment : rig.job.input.segments) {
        std::int64_t frame = segment.first_frame;
        for (const std::string& packet : rig.packets(segment.number)) {
            state = (state + luma_of(frame++)) / 2;
            EXPECT_NEAR(luma_in(packet), state, 0.51) << packet;
        }
    }
}

// Lanes and workers at once. The lanes wait for one another, so that there are two.
TEST(Runner, SeveralLanesGiveTheSameFiles) {
    for (const FakeJob& kind : kinds_of_jobs()) {
        if (kind.context_frames != 4 || (kind.model && kind.model->order == infer::Order::sequential)) continue;
        Rig one(kind);
        (void)one.run();
        FakeJob settings = kind;
        settings.lanes = 2;
        Rig rig(settings);
        std::mutex mutex;
        std::condition_variable opened;
        const auto open_reader = rig.backends.open_reader;
        rig.backends.open_reader = [&](std::size_t station) {
            auto reader = open_reader(station);
            const std::scoped_lock lock(mutex);  // not between a waiter's look at `readers` and its sleep
            opened.notify_all();
            return reader;
        };
        rig.video.on_frame = [&](std::int64_t) {
            std::unique_lock lock(mutex);
            opened.wait_for(lock, std::chrono::minutes(1), [&] { return rig.video.readers >= 2; });
        };
        int most_lanes = 0;
        rig.observe = [&](const RunProgress& now) { most_lanes = std::max(most_lanes, now.lanes); };
        (void)rig.run();
        EXPECT_EQ(rig.video.readers, 2);
        EXPECT_LE(most_lanes, 2);
        EXPECT_EQ(differing(one.files(), rig.files()), std::vector<int>{});
    }
}

// The first segment's encoder takes nothing until the second segment is done: the model goes on for the others.
TEST(Runner, ASegmentWhoseEncoderIsBehindHoldsUpNobody) {
    for (const int batch : {1, 2}) {
        FakeJob settings;
        settings.frames = 60;
        settings.model = fake_model({}, batch);
        settings.lanes = 2;
        Rig one(settings);
        (void)one.run();
        Rig rig(settings);
        rig.job.limits.first_lanes = 2;
        std::mutex mutex;
        std::condition_variable sent;
        bool second_done = false;
        bool waited_in_vain = false;
        rig.codec.on_send = [&](std::int64_t pts) {
            std::unique_lock lock(mutex);
            if (pts == 190) second_done = true;
            sent.notify_all();
            const auto patience = std::chrono::seconds(20);
            if (pts < 100 && !sent.wait_for(lock, patience, [&] { return second_done; })) waited_in_vain = true;
        };
        (void)rig.run();
        EXPECT_FALSE(waited_in_vain);
        EXPECT_EQ(differing(one.files(), rig.files()), std::vector<int>{});
    }
}

// A station has its own session, batches and pictures; what it gives is the same.
TEST(Runner, SeveralStationsGiveTheSameFilesAsOne) {
    for (const int lanes : {2, 5}) {
        FakeJob settings;
        settings.context_frames = 4;
        settings.model = fake_model({1, 1}, 2);
        Rig one(settings);
        (void)one.run();
        settings.lanes = lanes;
        settings.stations = 2;
        Rig rig(settings);
        // The first waits for the second, so that neither does all.
        std::atomic<bool> second_ran = false;
        rig.sessions[0]->on_run = [&] { second_ran.wait(false); };
        rig.sessions[1]->on_run = [&] {
            second_ran = true;
            second_ran.notify_all();
        };
        (void)rig.run();
        EXPECT_TRUE(second_ran);
        EXPECT_EQ(differing(one.files(), rig.files()), std::vector<int>{});
    }
}

TEST(RunProfile, CountsEveryFrameOnce) {
    FakeJob settings;
    settings.model = fake_model({}, 3);
    Rig rig(settings);
    (void)rig.run();
    for (const Stage stage : {Stage::decode, Stage::to_tensor, Stage::model, Stage::to_picture, Stage::encode}) {
        EXPECT_EQ(rig.profile.sums(stage).frames, 60) << name(stage);
        EXPECT_EQ(rig.profile.sums(stage).workers_now, 0) << name(stage);
    }
    EXPECT_TRUE(rig.profile.first_frame().has_value());
}

}  // namespace
}  // namespace millrace::pipeline
