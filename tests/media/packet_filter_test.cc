// Packets for a hardware parser: against what ffmpeg writes as raw streams.

#include "media/packet_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "media/clips.h"
#include "media/source.h"

namespace millrace::media::test {

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Filtered {
    std::string headers;
    std::string bytes;
    std::vector<std::int64_t> pts;
};

Filtered filter(Source& source, PacketFilter& packets) {
    Filtered out;
    out.headers = text_of(packets.headers());
    source.video_only();
    Packet filtered;
    for (Packet packet; source.read(packet) == ReadResult::packet;) {
        packets.send(packet);
        while (packets.receive(filtered)) {
            out.bytes += text_of(filtered.data);
            out.pts.push_back(filtered.pts);
        }
    }
    return out;
}

const std::string start_code("\0\0\1", 3);

TEST(PacketFilter, GivesStartCodes) {
    for (const auto& [codec, raw] : std::vector<std::pair<std::string, std::string>>{
             {"libx264", "h264"}, {"libx265 -x265-params log-level=none", "hevc"}}) {
        for (const char* container : {"mp4", "mkv", "ts"}) {
            SCOPED_TRACE(raw + " in " + container);
            const std::string path =
                make_clip("filter_" + raw + "." + container,
                          "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -g 10 -bf 2 -c:v " + codec);
            const std::string expected = temporary("filter_" + raw + "_" + container + "." + raw);
            run("ffmpeg -nostdin -v error -y -i '" + path + "' -c copy -f " + raw + " '" + expected + "' 2>&1");
            const auto source = open_source({.path = path});
            const auto packets = make_parser_filter(*source);
            for (int round = 0; round < 2; ++round) {
                const Filtered got = filter(*source, *packets);
                EXPECT_TRUE(got.bytes == content(expected));
                EXPECT_LE(got.headers.find(start_code), 1U);
                std::vector<std::int64_t> shown;
                for (const Shown& frame : ffmpeg_frames(path)) shown.push_back(frame.pts);
                std::vector<std::int64_t> pts = got.pts;
                std::ranges::sort(pts);
                EXPECT_EQ(pts, shown);
                source->seek(nullptr);
                packets->reset();
            }
            EXPECT_EQ(packets->errors(), 0);
        }
    }
}

// MPEG-4 in MP4 keeps its headers apart.
TEST(PacketFilter, GivesHeadersThatTheContainerKeeps) {
    const std::string path =
        make_clip("filter_mpeg4.mp4", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v mpeg4 -bf 2");
    const std::string raw = temporary("filter_mpeg4.m4v");
    run("ffmpeg -nostdin -v error -y -i '" + path + "' -c copy -f m4v '" + raw + "' 2>&1");
    const auto source = open_source({.path = path});
    const Filtered got = filter(*source, *make_parser_filter(*source));
    EXPECT_EQ(got.headers.find(start_code + "\xB0"), 0U);                 // visual object sequence
    EXPECT_NE(got.headers.find(start_code + "\x20"), std::string::npos);  // video object layer
    EXPECT_TRUE(got.bytes == content(raw));
}

TEST(PacketFilter, LeavesOthersAlone) {
    const std::string path =
        make_clip("filter.webm", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.4 -c:v libvpx-vp9");
    const auto source = open_source({.path = path});
    std::string expected;
    for (Packet packet; source->read(packet) == ReadResult::packet;) expected += text_of(packet.data);
    source->seek(nullptr);
    const Filtered got = filter(*source, *make_parser_filter(*source));
    EXPECT_TRUE(got.bytes == expected);
    EXPECT_EQ(got.headers, "");
}

TEST(PacketFilter, CountsPacketsThatMakeNoSense) {
    const std::string path =
        make_clip("filter_bad.mp4", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.4 -c:v libx264");
    const auto source = open_source({.path = path});
    const auto packets = make_parser_filter(*source);
    const auto bytes = std::make_shared<std::string>("\x7F\xFF\xFF\xFF garbage");
    Packet packet;
    packet.data = std::as_bytes(std::span(*bytes));
    packet.owner = bytes;
    packets->send(packet);
    Packet filtered;
    EXPECT_FALSE(packets->receive(filtered));
    EXPECT_EQ(packets->errors(), 1);
}

}  // namespace

}  // namespace millrace::media::test
