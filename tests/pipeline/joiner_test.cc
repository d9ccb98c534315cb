// Joined while segments are made or after the last of them: the same bytes, and the same words when it cannot be.

#include "pipeline/joiner.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/fakes.h"
#include "pipeline/segment_file.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::exists;
using test::make_packet;
using test::read_file;
using test::TemporaryFolder;

constexpr std::int64_t step = 40;

/// Places in presentation order, in decode order, with B-frames so that `reorder` is as said where the frames suffice.
std::vector<std::int64_t> decode_order(std::int64_t frames, int reorder) {
    std::vector<std::int64_t> order{0};
    const std::vector<std::vector<std::int64_t>> groups{{1}, {2, 1}, {4, 2, 1, 3}};
    const std::vector<std::int64_t>& group = groups.at(static_cast<std::size_t>(reorder));
    while (std::ssize(order) < frames) {
        const std::int64_t left = frames - std::ssize(order);
        const bool fits = std::ssize(group) <= left;
        const std::int64_t last = std::ssize(order) - 1;
        for (const std::int64_t place : fits ? group : std::vector<std::int64_t>{1}) order.push_back(last + place);
    }
    return order;
}

struct SegmentKind {
    std::int64_t frames = 1;
    int reorder = 0;
};

/// A sound of four seconds, and pictures that nobody looks at.
const std::string& clip_with_sound() {
    static const TemporaryFolder folder;
    static const std::string path = [] {
        std::string made = folder / "sound.mp4";
        const std::string command =
            "ffmpeg -v error -f lavfi -i testsrc2=s=64x64:r=5:d=4 -f lavfi -i sine=d=4 -c:v mpeg4 -c:a aac " + made;
        EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(*-mt-unsafe,cert-env33-c): of a test
        return made;
    }();
    return path;
}

struct Frame {
    std::int64_t pts = 0;
    bool key = false;
};

/// A packet of 20 to 69 bytes.
media::Packet packet_of(const Frame& frame) {
    media::Packet packet = make_packet(frame.pts, std::string(20 + static_cast<std::size_t>(frame.pts % 50), 'x'));
    packet.duration = step;
    packet.key = frame.key;
    return packet;
}

/// Segments on disk, and a job that joins them.
struct Film {
    Film(const std::string& name, const std::vector<SegmentKind>& segments) : sound(clip_with_sound()) {
        job.output = folder / name;
        job.work_folder = job.output + ".millrace";
        job.video.emplace();
        job.video->encoder.picture = test::fake_picture_desc();
        job.video->encoder.request.codec = "mpeg4";
        job.video->encoder.input.time_base = {1, 1000};
        job.video->encoder.input.timing = media::FrameTiming::variable;
        job.video->sink.path = job.work_folder + "/output." + name;
        job.video->sink.name = name;
        journal.emplace(job.work_folder, Identity{{"job", "film"}}, OldJournal::resume);
        backends.open_copy_source = [this] {
            return sound.empty() ? nullptr : std::shared_ptr<media::Source>(media::open_source({.path = sound}));
        };
        for (const SegmentKind& kind : segments) make(kind);
    }

    void make(const SegmentKind& kind) {
        SegmentRecord record;
        record.segment = static_cast<int>(records.size());
        record.frames_decoded = record.frames_done = kind.frames;
        record.stream.emplace();
        record.stream->codec = "mpeg4";
        SegmentWriter writer(journal->segment_path(record.segment));
        const std::int64_t first = end;
        for (const std::int64_t place : decode_order(kind.frames, kind.reorder)) {
            // Distances that vary: 40, 41, 42 ms.
            const std::int64_t pts = first + place * step + place % 3;
            frames.push_back({pts, place == 0});
            writer.add(packet_of(frames.back()));
            end = std::max(end, pts + step);
        }
        record.digest = writer.finish();
        records.emplace(record.segment, record);
    }

    [[nodiscard]] JoinHouse house() { return {job, backends, *journal, profile, stop.get_token()}; }
    [[nodiscard]] std::string join_at_end() {
        (void)join_segments(house(), records);
        return read_file(job.output);
    }
    /// Until the joiner's thread has written so many packets.
    void wait_for(std::int64_t written) const {
        while (profile.sums(Stage::join).frames < written) std::this_thread::yield();
    }

    /// Frames of the segments that can be written when those of `added` are finished; 0 where that is not sure.
    [[nodiscard]] std::int64_t frames_without_gap(const std::map<int, SegmentRecord>& added) const {
        std::int64_t sum = 0;
        for (int next = 0; added.contains(next); ++next) sum += records.at(next).frames_done;
        return sum > 1 ? sum : 0;
    }

    TemporaryFolder folder;
    std::string sound;  ///< empty: none
    ResolvedJob job;
    Backends backends;
    std::optional<Journal> journal;
    Profile profile{Tracing::off};
    std::stop_source stop;
    std::map<int, SegmentRecord> records;
    std::vector<Frame> frames;  ///< of all segments, in decode order
    std::int64_t end = 0;
};

/// The file as one who knows all packets writes it: no part of the join.
std::string written_whole(const Film& film) {
    std::vector<std::int64_t> sorted;
    for (const Frame& frame : film.frames) sorted.push_back(frame.pts);
    std::ranges::sort(sorted);
    const auto count = static_cast<std::int64_t>(sorted.size());
    std::int64_t delay = 0;
    const auto dts_of = [&](std::int64_t i) {
        if (i >= delay) return sorted.at(static_cast<std::size_t>(i - delay));
        return sorted[0] - (delay - i) * (sorted.at(1) - sorted.at(0));
    };
    for (std::int64_t i = 0; i < count; ++i) {
        while (dts_of(i) > film.frames.at(static_cast<std::size_t>(i)).pts) ++delay;
    }
    media::SinkOptions options = film.job.video->sink;
    options.path = film.folder / ("whole." + options.name);
    const auto sink = media::open_sink(options);
    const auto source = film.backends.open_copy_source();
    (void)sink->begin({.picture = test::fake_picture_desc(),
                       .time_base = {1, 1000},
                       .stream = film.records.at(0).stream.value(),
                       .reorder = static_cast<int>(delay),
                       .first_pts = film.frames.front().pts,
                       .first_dts = dts_of(0)},
                      source.get(), film.job.video->copy);
    for (std::int64_t i = 0; i < count; ++i) {
        media::Packet packet = packet_of(film.frames.at(static_cast<std::size_t>(i)));
        packet.dts = dts_of(i);
        sink->write(packet);
    }
    sink->finish();
    return read_file(options.path);
}

RC_GTEST_PROP(Joiner, InWhateverOrderSegmentsComeTheFileIsTheSame, ()) {
    const std::string name = *rc::gen::element<std::string>("out.mp4", "out.mkv", "out.ts", "out.mov");
    std::vector<SegmentKind> segments(*rc::gen::element<std::size_t>(1, 2, 3, 6));
    for (SegmentKind& kind : segments) {
        kind = {*rc::gen::element<std::int64_t>(1, 2, 3, 5, 11), *rc::gen::element(0, 1, 2)};
    }
    Film film(name, segments);
    if (*rc::gen::arbitrary<bool>()) film.sound.clear();
    const std::string whole = written_whole(film);
    RC_ASSERT(film.join_at_end() == whole);
    std::filesystem::remove(film.job.output);
    const std::int64_t at_end = film.profile.sums(Stage::join).frames;

    std::vector<int> order(film.records.size());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[*rc::gen::inRange<std::size_t>(0, i)]);
    std::map<int, SegmentRecord> reused;
    for (const int segment : order) {
        if (*rc::gen::arbitrary<bool>()) reused.emplace(segment, film.records.at(segment));
    }
    Joiner joiner(film.house(), reused);
    std::map<int, SegmentRecord> added = reused;
    for (const int segment : order) {
        if (!reused.contains(segment)) joiner.add(film.records.at(segment));
        added.emplace(segment, film.records.at(segment));
        // Sometimes the thread is ahead, so that a segment finds the file begun.
        if (*rc::gen::arbitrary<bool>()) film.wait_for(at_end + film.frames_without_gap(added));
    }
    const JoinResult result = joiner.finish(film.records);
    RC_ASSERT(read_file(film.job.output) == whole);
    RC_ASSERT(!exists(film.job.video->sink.path));
    RC_ASSERT(result.frames == std::ssize(film.frames));
    RC_ASSERT(film.profile.sums(Stage::join).frames == at_end + result.frames);
}

TEST(Joiner, WritesWhatHasNoGapBeforeItAndRemovesWhatIsNotFinished) {
    Film film("out.mkv", {{5, 1}, {4, 1}, {3, 0}, {6, 1}});
    {
        Joiner joiner(film.house(), {{1, film.records.at(1)}});
        joiner.add(film.records.at(3));
        EXPECT_EQ(film.profile.sums(Stage::join).frames, 0);
        joiner.add(film.records.at(0));
        film.wait_for(9);
        EXPECT_TRUE(exists(film.job.video->sink.path));
        EXPECT_FALSE(exists(film.job.output));
    }
    EXPECT_EQ(film.profile.sums(Stage::join).frames, 9);
    EXPECT_FALSE(exists(film.job.video->sink.path));
    EXPECT_FALSE(exists(film.job.output));
    // The journal has what was added, for the next run.
    EXPECT_EQ(count_finished(film.job.work_folder), 2U);
}

TEST(Joiner, ASegmentThatReordersFurtherBeginsTheFileAnew) {
    Film film("out.mp4", {{6, 0}, {5, 1}, {9, 2}, {1, 0}});
    const std::string whole = written_whole(film);
    Joiner joiner(film.house(), {});
    joiner.add(film.records.at(0));
    film.wait_for(6);
    joiner.add(film.records.at(1));
    film.wait_for(11);
    joiner.add(film.records.at(2));
    joiner.add(film.records.at(3));
    EXPECT_EQ(joiner.finish(film.records).frames, 21);
    EXPECT_EQ(film.profile.sums(Stage::join).frames, 21);
    EXPECT_EQ(read_file(film.job.output), whole);
}

TEST(Joiner, OneFrameWaitsForTheDistanceToTheNext) {
    // The first decoding times lie before the first frame by its distance to the second, which is in another segment.
    Film film("out.mp4", {{1, 0}, {1, 0}, {9, 2}});
    const std::string whole = written_whole(film);
    Joiner joiner(film.house(), {{2, film.records.at(2)}});
    joiner.add(film.records.at(0));
    joiner.add(film.records.at(1));
    (void)joiner.finish(film.records);
    EXPECT_EQ(read_file(film.job.output), whole);
}

TEST(Joiner, AFileThatEndsBeforeWhatAnEarlierRunLeftIsJoinedOfItsOwnSegments) {
    Film film("out.mkv", {{5, 1}, {4, 2}, {3, 0}});
    Joiner joiner(film.house(), film.records);
    film.wait_for(12);
    film.records.erase(2);
    film.frames.resize(9);
    EXPECT_EQ(joiner.finish(film.records).frames, 9);
    EXPECT_EQ(read_file(film.job.output), written_whole(film));
}

struct Fault {
    const char* what;
    std::function<void(Film&)> plant;
    const char* words;
};

TEST(Joiner, WhatCannotBeJoinedIsSaidInTheWordsOfTheJoinAtTheEnd) {
    const std::vector<Fault> faults{
        {"parameter sets", [](Film& film) { film.records.at(2).stream->extradata = {std::byte{1}}; },
         "mpeg4 gave segment 2 other parameter sets than segment 0"},
        {"a segment cut short", [](Film& film) { std::filesystem::resize_file(film.journal->segment_path(1), 30); },
         "cut short"},
        {"a packet too few", [](Film& film) { ++film.records.at(1).frames_done; },
         "13 frames were encoded, but 12 are in the segments' files"},
        {"no sound at all", [](Film& film) { film.sound = film.folder / "nothing.mp4"; }, "nothing.mp4"},
        {"a loss",
         [](Film& film) {
             film.job.on_loss = LossPolicy::refuse;
             film.job.video->encoder.input.timing = media::FrameTiming::constant;
             film.job.video->encoder.input.frame_rate = {25, 1};
             film.job.video->sink.name = "out.avi";
         },
         "refused by --strict: avi has no presentation times"},
        {"a user who stops it", [](Film& film) { film.stop.request_stop(); }, "interrupted while joining"},
    };
    for (const Fault& fault : faults) {
        Film film("out.mp4", {{5, 1}, {4, 2}, {3, 0}});
        fault.plant(film);
        const core::Error at_end = error_of([&] { (void)film.join_at_end(); });
        EXPECT_NE(std::string(at_end.what()).find(fault.words), std::string::npos) << at_end.what();
        Joiner joiner(film.house(), {{0, film.records.at(0)}});
        joiner.add(film.records.at(1));
        joiner.add(film.records.at(2));
        const core::Error error = error_of([&] { (void)joiner.finish(film.records); });
        EXPECT_STREQ(error.what(), at_end.what()) << fault.what;
        EXPECT_EQ(error.code(), at_end.code()) << fault.what;
        EXPECT_FALSE(exists(film.job.output)) << fault.what;
    }
}

TEST(Joiner, OutputsWithoutATemporaryNameAreNotTouchedBeforeTheEnd) {
    Film film("out.mkv", {{5, 1}, {4, 1}});
    film.job.video->sink.path = film.job.output;
    const std::string whole = written_whole(film);
    {
        Joiner abandoned(film.house(), film.records);
    }
    EXPECT_FALSE(exists(film.job.output));
    Joiner joiner(film.house(), film.records);
    EXPECT_FALSE(exists(film.job.output));
    (void)joiner.finish(film.records);
    EXPECT_EQ(read_file(film.job.output), whole);
}

TEST(Joiner, CopiedStreamsThatEndWithTheVideoWaitForItsEnd) {
    Film film("out.mkv", {{5, 1}, {4, 1}});
    film.job.input.frame_limit = 9;
    const std::string whole = film.join_at_end();
    std::filesystem::remove(film.job.output);
    Joiner joiner(film.house(), {{0, film.records.at(0)}});
    EXPECT_FALSE(exists(film.job.video->sink.path));
    joiner.add(film.records.at(1));
    (void)joiner.finish(film.records);
    EXPECT_EQ(read_file(film.job.output), whole);
    film.job.input.frame_limit.reset();
    EXPECT_NE(film.join_at_end(), whole) << "the sound is longer than nine frames";
}

}  // namespace
}  // namespace millrace::pipeline
