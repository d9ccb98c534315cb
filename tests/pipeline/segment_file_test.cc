#include "pipeline/segment_file.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "pipeline/support.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::make_packet;
using test::payload_of;
using test::TemporaryFolder;

struct Written {
    std::int64_t pts;
    std::int64_t duration;
    bool key;
    std::string payload;
};

SegmentDigest write(const std::string& path, const std::vector<Written>& packets) {
    SegmentWriter writer(path);
    for (const Written& written : packets) {
        media::Packet packet = make_packet(written.pts, written.payload);
        packet.duration = written.duration;
        packet.key = written.key;
        writer.add(packet);
    }
    return writer.finish();
}

std::vector<Written> any_packets() {
    return *rc::gen::container<std::vector<Written>>(
        rc::gen::construct<Written>(rc::gen::arbitrary<std::int64_t>(), rc::gen::arbitrary<std::int64_t>(),
                                    rc::gen::arbitrary<bool>(), rc::gen::arbitrary<std::string>()));
}

RC_GTEST_PROP(SegmentFile, PacketsComeBackAsTheyWere, ()) {
    const TemporaryFolder folder;
    const std::string path = folder / "segment";
    const std::vector<Written> packets = any_packets();
    const SegmentDigest digest = write(path, packets);
    RC_ASSERT(digest.records == static_cast<std::int64_t>(packets.size()));
    RC_ASSERT(digest.bytes == static_cast<std::int64_t>(std::filesystem::file_size(path)));
    RC_ASSERT(is_intact(path, digest));

    SegmentPackets reader(path);
    SegmentPackets skimmer(path);
    for (const Written& written : packets) {
        const auto packet = reader.next();
        RC_ASSERT(packet.has_value());
        RC_ASSERT(packet->pts == written.pts);
        RC_ASSERT(packet->duration == written.duration);
        RC_ASSERT(packet->key == written.key);
        RC_ASSERT(payload_of(*packet) == written.payload);
        RC_ASSERT(skimmer.next_pts() == written.pts);
    }
    RC_ASSERT(!reader.next().has_value());
    RC_ASSERT(!skimmer.next_pts().has_value());
}

RC_GTEST_PROP(SegmentFile, AnyChangedOrMissingByteIsSeen, ()) {
    const TemporaryFolder folder;
    const std::string path = folder / "segment";
    std::vector<Written> packets = any_packets();
    packets.push_back({1, 2, true, "at least this"});
    const SegmentDigest digest = write(path, packets);
    std::string bytes = test::read_file(path);
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    if (*rc::gen::arbitrary<bool>()) {
        bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange(1, 128));
    } else {
        bytes.resize(at);
    }
    test::write_file(path, bytes);
    RC_ASSERT(!is_intact(path, digest));
}

TEST(SegmentFile, IsNotThereUntilItIsWhole) {
    const TemporaryFolder folder;
    const std::string path = folder / "segment";
    {
        SegmentWriter writer(path);
        writer.add("a line");
        EXPECT_FALSE(test::exists(path));
    }
    EXPECT_FALSE(test::exists(path));  // a writer that died
    SegmentWriter again(path);
    again.add("another");
    const SegmentDigest digest = again.finish();
    EXPECT_EQ(test::read_file(path), "another\n");
    EXPECT_FALSE(test::exists(path + ".part"));
    EXPECT_TRUE(is_intact(path, digest));
}

TEST(SegmentFile, AMissingFileIsNotIntact) {
    const TemporaryFolder folder;
    EXPECT_FALSE(is_intact(folder / "none", {0, 0, core::sha256_of("")}));
}

TEST(SegmentFile, LinesAreCountedAndEndedByNewlines) {
    const TemporaryFolder folder;
    SegmentWriter writer(folder / "lines");
    writer.add("{\"frame\":0}");
    writer.add("");
    const SegmentDigest digest = writer.finish();
    EXPECT_EQ(test::read_file(folder / "lines"), "{\"frame\":0}\n\n");
    EXPECT_EQ(digest.records, 2);
    EXPECT_EQ(digest.sha256, core::sha256_of("{\"frame\":0}\n\n"));
}

TEST(SegmentFile, ACutFileIsAnErrorThatNamesIt) {
    const TemporaryFolder folder;
    const std::string path = folder / "segment";
    write(path, {{0, 1, true, "payload"}, {1, 1, false, "more payload"}});
    const std::string whole = test::read_file(path);
    for (const std::size_t cut : {std::size_t{1}, std::size_t{3}, std::size_t{12 + 10}}) {
        test::write_file(path, std::string_view(whole).substr(0, whole.size() - cut));
        SegmentPackets reader(path);
        EXPECT_TRUE(reader.next().has_value());
        const core::Error error = error_of([&] { (void)reader.next(); });
        EXPECT_EQ(error.code(), core::ErrorCode::failed);
        EXPECT_EQ(std::string(error.what()), path + ": cut short");
    }
}

TEST(SegmentFile, NoFolderIsAnErrorThatNamesTheFile) {
    const TemporaryFolder folder;
    const std::string path = folder / "none/segment";
    EXPECT_NE(std::string(error_of([&] { SegmentWriter{path}; }).what()).find(path), std::string::npos);
    EXPECT_NE(std::string(error_of([&] { SegmentPackets{path}; }).what()).find(path), std::string::npos);
}

}  // namespace
}  // namespace millrace::pipeline
