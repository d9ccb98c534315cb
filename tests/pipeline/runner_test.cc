#include "pipeline/runner.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::fake_model;
using test::FakeJob;
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

std::vector<FakeJob> kinds_of_jobs() {
    std::vector<FakeJob> kinds;
    for (const int context : {0, 4, 13}) {
        FakeJob settings;
        settings.context_frames = context;
        kinds.push_back(settings);
        settings.model = fake_model({}, 3);
        settings.model_workers = 2;
        kinds.push_back(settings);
        settings.model = fake_model({1, 2}, 2);
        kinds.push_back(settings);
        settings.model = fake_model({}, 1, infer::Order::sequential);
        settings.model_workers = 1;
        kinds.push_back(settings);
    }
    return kinds;
}

// Numbers of the segments whose files differ.
std::vector<int> differing(const std::map<int, std::string>& a, const std::map<int, std::string>& b) {
    std::vector<int> numbers;
    for (const auto& [number, bytes] : a) {
        const auto other = b.find(number);
        if (other == b.end() || other->second != bytes) numbers.push_back(number);
    }
    return numbers;
}

RC_GTEST_PROP(Resume, WhateverIsLeftTheFilesBecomeThoseOfAnUninterruptedRun, ()) {
    const FakeJob settings = *rc::gen::elementOf(kinds_of_jobs());
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
    const RunResult result = rig.run();
    RC_ASSERT(differing(whole, rig.files()).empty());
    RC_ASSERT(result.segments_reused == kept);
    RC_ASSERT(result.frames_reused == kept * 10);
    RC_ASSERT(result.records.size() == whole.size());
}

TEST(Resume, AStopEndsTheRunAndTheNextOneCompletesIt) {
    for (const FakeJob& settings : kinds_of_jobs()) {
        Rig whole(settings);
        (void)whole.run();
        Rig rig(settings);
        std::stop_source stop;
        rig.codec.on_send = [&](std::int64_t pts) {
            if (pts >= 330) stop.request_stop();
        };
        const core::Error error = error_of([&] { (void)rig.run(stop.get_token()); });
        EXPECT_EQ(error.code(), core::ErrorCode::interrupted);
        EXPECT_NE(std::string(error.what()).find("of 6 segments finished; run the same command to continue"),
                  std::string::npos)
            << error.what();
        EXPECT_LT(rig.files().size(), 6U);
        rig.codec.on_send = nullptr;
        (void)rig.run();
        EXPECT_EQ(differing(whole.files(), rig.files()), std::vector<int>{});
    }
}

TEST(Resume, AFinishedJobDoesNothing) {
    Rig rig(FakeJob{});
    (void)rig.run();
    const int readers = rig.video.readers;
    const RunResult again = rig.run();
    EXPECT_EQ(again.segments_reused, 6);
    EXPECT_EQ(rig.video.readers, readers);
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
        rig.backends.open_reader = [&] {
            auto reader = open_reader();
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

// Which of the job's parts fails, and how far it got.
struct Fault {
    const char* what;
    std::function<void(Rig&, const std::function<void()>& fail)> plant;
};

std::vector<Fault> faults() {
    return {
        {"opening the input",
         [](Rig& rig, const auto& fail) {
             rig.backends.open_reader = [fail]() -> std::unique_ptr<media::FrameReader> {
                 fail();
                 return nullptr;
             };
         }},
        {"the first frame", [](Rig& rig, const auto& fail) { rig.video.on_frame = [fail](std::int64_t) { fail(); }; }},
        {"a frame in the middle",
         [](Rig& rig, const auto& fail) {
             rig.video.on_frame = [fail](std::int64_t pts) {
                 if (pts == 350) fail();
             };
         }},
        {"opening an encoder",
         [](Rig& rig, const auto& fail) {
             rig.backends.make_encoder = [fail]() -> std::unique_ptr<media::Encoder> {
                 fail();
                 return nullptr;
             };
         }},
        {"encoding",
         [](Rig& rig, const auto& fail) {
             rig.codec.on_send = [fail](std::int64_t pts) {
                 if (pts == 220) fail();
             };
         }},
        {"the model", [](Rig& rig, const auto& fail) { rig.session->on_run = fail; }},
    };
}

TEST(Failures, TheFirstErrorEndsAllThreadsAndIsThrown) {
    for (const Fault& fault : faults()) {
        FakeJob settings;
        settings.context_frames = 4;
        settings.model = fake_model({1, 1}, 2);
        settings.model_workers = 2;
        Rig rig(settings);
        fault.plant(rig, [&] { throw core::Error(core::ErrorCode::bad_input, fault.what); });
        const core::Error error = error_of([&] { (void)rig.run(); });
        EXPECT_STREQ(error.what(), fault.what);
        EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    }
}

TEST(Failures, WhatWasFinishedBeforeStaysAndIsUsed) {
    FakeJob settings;
    settings.context_frames = 4;
    Rig whole(settings);
    (void)whole.run();
    Rig rig(settings);
    rig.codec.on_send = [](std::int64_t pts) {
        if (pts == 450) throw core::Error(core::ErrorCode::no_space, "full");
    };
    EXPECT_EQ(error_of([&] { (void)rig.run(); }).code(), core::ErrorCode::no_space);
    rig.codec.on_send = nullptr;
    EXPECT_GT(rig.run().segments_reused, 0);
    EXPECT_EQ(differing(whole.files(), rig.files()), std::vector<int>{});
}

TEST(Failures, AnObserverThatThrowsEndsTheRunToo) {
    Rig rig(FakeJob{});
    std::atomic<bool> observed{false};
    rig.video.on_frame = [&](std::int64_t) { observed.wait(false); };
    rig.observe = [&](const RunProgress&) {
        observed = true;
        observed.notify_all();
        throw core::Error(core::ErrorCode::failed, "from the observer");
    };
    EXPECT_STREQ(error_of([&] { (void)rig.run(); }).what(), "from the observer");
}

TEST(Failures, AnEncoderThatLosesAPacketIsAnError) {
    Rig rig(FakeJob{});
    rig.codec.lookahead = 2;
    rig.codec.loses_last_packet = true;
    const core::Error error = error_of([&] { (void)rig.run(); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_STREQ(error.what(), "segment 0: fake gave 9 packets for 10 frames");
    EXPECT_TRUE(rig.files().empty());
}

std::vector<std::int64_t> pts_of(const std::vector<std::string>& packets) {
    std::vector<std::int64_t> all;
    for (const std::string& packet : packets) all.push_back(std::stoll(packet));
    return all;
}

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

std::vector<nlohmann::json> lines_of(const Rig& rig) {
    std::vector<nlohmann::json> lines;
    for (const auto& [segment, text] : rig.files()) {
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
}

TEST(Data, OneLineAFrameInOrder) {
    FakeJob settings;
    settings.data = true;
    settings.model = fake_model({}, 4);
    settings.model_workers = 3;
    Rig rig(settings);
    const RunResult result = rig.run();
    const auto lines = lines_of(rig);
    ASSERT_EQ(lines.size(), 60U);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i].at("frame"), i);
        EXPECT_EQ(lines[i].at("pts"), 10 * i);
        EXPECT_DOUBLE_EQ(lines[i].at("seconds").get<double>(), static_cast<double>(i) / 100);
        const double grey = (luma_of(static_cast<std::int64_t>(i)) - 16) / 219.0;
        EXPECT_NEAR(lines[i].at("values").at(0).get<double>(), grey, 1e-5);
    }
    EXPECT_EQ(result.records.at(0).digest.records, 10);
    EXPECT_FALSE(result.records.at(0).stream.has_value());
}

// A frame's number says which of the input's frames it is, whatever was lost before it.
TEST(Data, FramesKeepTheirNumbersWhenOthersAreLost) {
    FakeJob settings;
    settings.data = true;
    settings.model = fake_model({}, 2);
    Rig rig(settings);
    rig.video.corrupt = {120};
    rig.video.missing = {140, 300};
    rig.job.input.on_corrupt = CorruptPolicy::drop;
    (void)rig.run();
    const auto lines = lines_of(rig);
    ASSERT_EQ(lines.size(), 57U);
    for (const nlohmann::json& line : lines) EXPECT_EQ(line.at("frame").get<int>() * 10, line.at("pts").get<int>());
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
