#include "pipeline/journal.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "pipeline/support.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::TemporaryFolder;

const Identity plain{{"-c:v", "libx264"}, {"-crf", "18"}, {"input", "4711 bytes abcd"}};

SegmentRecord any_record(int segment) {
    const auto count = rc::gen::inRange<std::int64_t>(0, 100'000);
    const auto times = rc::gen::arbitrary<std::vector<std::int64_t>>();
    SegmentRecord record;
    record.segment = segment;
    record.frames_decoded = *count;
    record.frames_done = *count;
    record.decode_errors = *count;
    record.nan_values = *count;
    record.retimed_frames = *count;
    record.reshaped_frames = *count;
    record.corrupt_pts = *times;
    record.dropped_pts = *times;
    record.missing_pts = *times;
    record.digest = {*count, *rc::gen::arbitrary<std::int64_t>(), core::sha256_of(std::to_string(*count))};
    if (*rc::gen::arbitrary<bool>()) {
        media::EncodedStream stream;
        stream.codec = *rc::gen::element<std::string>("h264", "hevc", "vp9");
        stream.profile = *rc::gen::inRange(-99, 300);
        stream.level = *rc::gen::inRange(-99, 300);
        stream.bit_rate = *count;
        for (const std::uint8_t byte : *rc::gen::arbitrary<std::vector<std::uint8_t>>()) {
            stream.extradata.push_back(static_cast<std::byte>(byte));
        }
        record.stream = std::move(stream);
    }
    return record;
}

std::string sealed(const std::string& body) { return core::sha256_of(body).substr(0, 8) + " " + body + "\n"; }

Identity any_identity() { return *rc::gen::arbitrary<std::map<std::string, std::string>>(); }

struct Text {
    Identity identity;
    std::vector<SegmentRecord> records;
    std::string text;
};

Text any_journal() {
    Text journal;
    journal.identity = plain;
    journal.text = format_identity(plain) + "\n";
    const int segments = *rc::gen::inRange(1, 6);
    for (int segment = 0; segment < segments; ++segment) {
        journal.records.push_back(any_record(segment));
        journal.text += format_record(journal.records.back()) + "\n";
    }
    return journal;
}

// Compares by each field, so that format_record(), which operator== is made of, is not its own judge.
void assert_same(const SegmentRecord& a, const SegmentRecord& b) {
    RC_ASSERT(a.segment == b.segment);
    RC_ASSERT(a.frames_decoded == b.frames_decoded);
    RC_ASSERT(a.frames_done == b.frames_done);
    RC_ASSERT(a.decode_errors == b.decode_errors);
    RC_ASSERT(a.nan_values == b.nan_values);
    RC_ASSERT(a.retimed_frames == b.retimed_frames);
    RC_ASSERT(a.reshaped_frames == b.reshaped_frames);
    RC_ASSERT(a.corrupt_pts == b.corrupt_pts);
    RC_ASSERT(a.dropped_pts == b.dropped_pts);
    RC_ASSERT(a.missing_pts == b.missing_pts);
    RC_ASSERT(a.digest.records == b.digest.records);
    RC_ASSERT(a.digest.bytes == b.digest.bytes);
    RC_ASSERT(a.digest.sha256 == b.digest.sha256);
    RC_ASSERT(a.stream.has_value() == b.stream.has_value());
    if (!a.stream) return;
    RC_ASSERT(a.stream->codec == b.stream->codec);
    RC_ASSERT(a.stream->profile == b.stream->profile);
    RC_ASSERT(a.stream->level == b.stream->level);
    RC_ASSERT(a.stream->bit_rate == b.stream->bit_rate);
    RC_ASSERT(a.stream->extradata == b.stream->extradata);
}

void assert_believed_is_true(const JournalContents& contents, const Text& written) {
    if (contents.identity) RC_ASSERT(*contents.identity == written.identity);
    for (const auto& [segment, record] : contents.finished) {
        RC_ASSERT(static_cast<std::size_t>(segment) < written.records.size());
        assert_same(record, written.records[static_cast<std::size_t>(segment)]);
    }
}

RC_GTEST_PROP(JournalText, RecordsComeBackAsTheyWere, ()) {
    const Text written = any_journal();
    const JournalContents contents = parse_journal(written.text);
    RC_ASSERT(contents.identity == std::optional(written.identity));
    RC_ASSERT(contents.finished.size() == written.records.size());
    RC_ASSERT(contents.believed_bytes == written.text.size());
    assert_believed_is_true(contents, written);
}

RC_GTEST_PROP(JournalText, ATornEndLosesOnlyWhatIsTorn, ()) {
    const Text written = any_journal();
    const auto kept = *rc::gen::inRange<std::size_t>(0, written.text.size());
    const std::string torn = written.text.substr(0, kept);
    const JournalContents contents = parse_journal(torn);
    const auto lines = static_cast<std::size_t>(std::count(torn.begin(), torn.end(), '\n'));
    RC_ASSERT(contents.identity.has_value() == (lines > 0));
    RC_ASSERT(contents.finished.size() == (lines > 0 ? lines - 1 : 0));
    RC_ASSERT(contents.believed_bytes == (lines > 0 ? torn.rfind('\n') + 1 : 0));
    assert_believed_is_true(contents, written);
}

RC_GTEST_PROP(JournalText, AChangedByteAnywhereIsNeverBelieved, ()) {
    const Text written = any_journal();
    std::string damaged = written.text;
    const auto at = *rc::gen::inRange<std::size_t>(0, damaged.size());
    damaged[at] = static_cast<char>(damaged[at] ^ *rc::gen::inRange(1, 256));
    const JournalContents contents = parse_journal(damaged);
    // Lines before the damaged one stand; it and those behind it do not.
    const auto lines = std::count(written.text.begin(), written.text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    RC_ASSERT(contents.finished.size() == static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, lines - 1)));
    assert_believed_is_true(contents, written);
}

RC_GTEST_PROP(JournalText, NoTextThrows, (const std::string& text)) {
    RC_ASSERT(parse_journal(text).believed_bytes <= text.size());
    RC_ASSERT(parse_journal(format_identity(plain) + "\n" + text).identity == std::optional(plain));
}

TEST(JournalText, ALaterRecordOfASegmentCounts) {
    SegmentRecord first;
    first.frames_done = 1;
    SegmentRecord second;
    second.frames_done = 2;
    const JournalContents contents = parse_journal(format_record(first) + "\n" + format_record(second) + "\n");
    EXPECT_EQ(contents.finished.at(0).frames_done, 2);
}

TEST(JournalText, ANumberThatIsNoIntegerOfItsMemberEndsTheBelief) {
    const std::string whole = format_record(SegmentRecord{}).substr(9);
    ASSERT_TRUE(parse_journal(sealed(whole)).finished.contains(0));
    const std::string bytes = R"("bytes":0)";
    const std::string missing = R"("missing":[])";
    for (const std::string number : {"3.3e24", "-1e300", "1.0", "18446744073709551615", "null", "\"1\""}) {
        std::string body = whole;
        body.replace(body.find(bytes), bytes.size(), R"("bytes":)" + number);
        EXPECT_EQ(parse_journal(sealed(body)).believed_bytes, 0U) << body;
        body = whole;
        body.replace(body.find(missing), missing.size(), R"("missing":[1,)" + number + "]");
        EXPECT_EQ(parse_journal(sealed(body)).believed_bytes, 0U) << body;
    }
}

TEST(JournalText, ASealedLineOfAnotherShapeEndsTheBelief) {
    for (const std::string body : {"{}", "[]", R"({"segment":"one"})", R"({"identity":3})", "not json"}) {
        const JournalContents contents = parse_journal(sealed(body) + format_identity(plain) + "\n");
        EXPECT_FALSE(contents.identity.has_value()) << body;
        EXPECT_EQ(contents.believed_bytes, 0U) << body;
    }
}

// A finished segment as a run leaves it.
SegmentRecord finish_segment(Journal& journal, int segment, const std::string& line) {
    SegmentWriter writer(journal.segment_path(segment));
    writer.add(line);
    SegmentRecord record;
    record.segment = segment;
    record.frames_done = segment + 10;
    record.digest = writer.finish();
    journal.add(record);
    return record;
}

TEST(Journal, ASecondRunKnowsWhatIsFinished) {
    const TemporaryFolder folder;
    const std::string work = folder / "out.mp4.millrace";
    std::vector<SegmentRecord> records;
    {
        Journal journal(work, plain, OldJournal::resume);
        EXPECT_TRUE(journal.finished().empty());
        records = {finish_segment(journal, 0, "zero"), finish_segment(journal, 2, "two")};
    }
    const Journal again(work, plain, OldJournal::resume);
    ASSERT_EQ(again.finished().size(), 2U);
    EXPECT_EQ(again.finished().at(0), records[0]);
    EXPECT_EQ(again.finished().at(2), records[1]);
}

TEST(Journal, SegmentsThatAreGoneOrDamagedAreNotFinished) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        for (int segment = 0; segment < 3; ++segment) finish_segment(journal, segment, "line");
        test::write_file(journal.segment_path(0), "lime\n");
        std::remove(journal.segment_path(1).c_str());
    }
    const Journal again(work, plain, OldJournal::resume);
    ASSERT_EQ(again.finished().size(), 1U);
    EXPECT_TRUE(again.finished().contains(2));
}

TEST(Journal, ATornLineIsCutOffAndWritingGoesOn) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        finish_segment(journal, 0, "zero");
        finish_segment(journal, 1, "one");
    }
    const std::string text = test::read_file(work + "/journal");
    test::write_file(work + "/journal", std::string_view(text).substr(0, text.size() - 5));
    {
        Journal journal(work, plain, OldJournal::resume);
        EXPECT_EQ(journal.finished().size(), 1U);
        finish_segment(journal, 1, "one");
    }
    EXPECT_EQ(test::read_file(work + "/journal"), text);
    EXPECT_EQ(Journal(work, plain, OldJournal::resume).finished().size(), 2U);
}

TEST(Journal, AJournalWithoutABelievedIdentityBeginsAnew) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    std::string line;
    {
        Journal journal(work, plain, OldJournal::resume);
        line = format_record(finish_segment(journal, 0, "zero")) + "\n";
    }
    test::write_file(work + "/journal", "garbage\n" + line);
    const Journal journal(work, plain, OldJournal::resume);
    EXPECT_TRUE(journal.finished().empty());
    EXPECT_FALSE(test::exists(journal.segment_path(0)));
    EXPECT_EQ(test::read_file(work + "/journal"), format_identity(plain) + "\n");
}

TEST(Journal, OfAnotherCommandWithNothingFinishedIsNoObstacle) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        const Journal journal(work, plain, OldJournal::resume);
    }
    EXPECT_FALSE(read_identity(work));
    EXPECT_EQ(count_finished(work), 0U);
    test::write_file(work + "/segment-000000", "begun");
    Identity other = plain;
    other["-crf"] = "23";
    Journal journal(work, other, OldJournal::resume);
    EXPECT_EQ(test::read_file(work + "/journal"), format_identity(other) + "\n");
    EXPECT_FALSE(test::exists(work + "/segment-000000"));
    finish_segment(journal, 0, "zero");
    EXPECT_EQ(read_identity(work), other);
    EXPECT_EQ(count_finished(work), 1U);
}

TEST(Journal, OfAnotherScriptItSaysThatAlone) {
    Identity before = plain;
    Identity now = plain;
    before[script_key] = "abcd";
    now[script_key] = "ef01";
    EXPECT_EQ(describe_difference(before, now), "the script changed");
    EXPECT_EQ(describe_difference(plain, now), "script was nothing, now ef01");
}

TEST(Journal, AnotherCommandIsToldWhatDiffersAndOfferedARestart) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        finish_segment(journal, 0, "zero");
    }
    Identity other = plain;
    other["-crf"] = "23";
    other.erase("input");
    other["model"] = "beef";
    const core::Error error = error_of([&] { Journal(work, other, OldJournal::resume); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    const std::string message = error.what();
    for (const char* part : {"-crf was 18, now 23", "input was 4711 bytes abcd, now nothing",
                             "model was nothing, now beef", "--restart", "work"}) {
        EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    }
    EXPECT_EQ(message.find("libx264"), std::string::npos) << message;  // equal: not named
    // Nothing was lost by the refusal.
    EXPECT_EQ(Journal(work, plain, OldJournal::resume).finished().size(), 1U);
}

TEST(Journal, RestartThrowsTheOldWorkAwayButNotWhatIsTheUsers) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        finish_segment(journal, 0, "zero");
        finish_segment(journal, 7, "seven");
        test::write_file(journal.segment_path(8) + ".part", "half");
        test::write_file(journal.output_path("out.mp4"), "half an output");
        test::write_file(work + "/notes.txt", "the user's");
    }
    Identity other = plain;
    other["-crf"] = "23";
    const Journal journal(work, other, OldJournal::discard);
    EXPECT_TRUE(journal.finished().empty());
    for (const int segment : {0, 7}) EXPECT_FALSE(test::exists(journal.segment_path(segment)));
    EXPECT_FALSE(test::exists(journal.segment_path(8) + ".part"));
    EXPECT_FALSE(test::exists(journal.output_path("out.mp4")));
    EXPECT_EQ(test::read_file(work + "/notes.txt"), "the user's");
    EXPECT_EQ(parse_journal(test::read_file(work + "/journal")).identity, std::optional(other));
}

TEST(Journal, RestartOfTheSameCommandBeginsAnewToo) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        finish_segment(journal, 0, "zero");
    }
    EXPECT_TRUE(Journal(work, plain, OldJournal::discard).finished().empty());
}

TEST(Journal, OneProcessAtATime) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    const Journal journal(work, plain, OldJournal::resume);
    for (const OldJournal old : {OldJournal::resume, OldJournal::discard}) {
        const core::Error error = error_of([&] { Journal(work, plain, old); });
        EXPECT_EQ(error.code(), core::ErrorCode::usage);
        EXPECT_NE(std::string(error.what()).find("another process"), std::string::npos) << error.what();
    }
}

TEST(Journal, RemoveLeavesOnlyWhatIsTheUsers) {
    const TemporaryFolder folder;
    const std::string work = folder / "work";
    {
        Journal journal(work, plain, OldJournal::resume);
        finish_segment(journal, 0, "zero");
        journal.remove();
        EXPECT_FALSE(test::exists(work));
    }
    Journal journal(work, plain, OldJournal::resume);
    finish_segment(journal, 0, "zero");
    test::write_file(work + "/notes.txt", "the user's");
    journal.remove();
    EXPECT_TRUE(test::exists(work + "/notes.txt"));
    EXPECT_FALSE(test::exists(work + "/journal"));
    EXPECT_FALSE(test::exists(journal.segment_path(0)));
}

TEST(Journal, AFolderThatCannotBeMadeIsNamed) {
    const core::Error error = error_of([] { Journal("/dev/null/work", plain, OldJournal::resume); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_NE(std::string(error.what()).find("/dev/null/work"), std::string::npos) << error.what();
}

// Option values are the user's bytes, and need not be UTF-8, which the journal's JSON is.
TEST(Journal, AnIdentityThatIsNotUtf8IsStillItself) {
    const TemporaryFolder folder;
    const Identity odd{{"-e", "title=caf\xe9"}};
    {
        Journal journal(folder / "work", odd, OldJournal::resume);
        finish_segment(journal, 0, "zero");
    }
    EXPECT_NO_THROW(Journal(folder / "work", odd, OldJournal::resume));
    const Identity other{{"-e", "title=tea"}};
    EXPECT_THROW(Journal(folder / "work", other, OldJournal::resume), core::Error);
}

RC_GTEST_PROP(Journal, AnyIdentityIsStillItself, ()) {
    const TemporaryFolder folder;
    const Identity identity = any_identity();
    {
        const Journal journal(folder / "work", identity, OldJournal::resume);
    }
    const Journal again(folder / "work", identity, OldJournal::resume);
    RC_ASSERT(again.finished().empty());
}

}  // namespace
}  // namespace millrace::pipeline
