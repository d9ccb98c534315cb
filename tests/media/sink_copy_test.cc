// What an output keeps of its source besides the pictures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "clips.h"
#include "media/sink.h"
#include "output.h"

namespace millrace::media {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* picture = "-f lavfi -i testsrc2=s=128x72:r=25:d=2 ";
constexpr const char* sound = "-f lavfi -i sine=d=2 ";

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string subtitle_file() {
    const std::string path = temporary("copy.srt");
    write_text(path, "1\n00:00:00,200 --> 00:00:00,900\nHello there\n\n2\n00:00:01,100 --> 00:00:01,700\nSecond\n\n");
    return path;
}

std::string metadata_file() {
    const std::string path = temporary("copy.ffmeta");
    write_text(
        path,
        ";FFMETADATA1\ntitle=A title\nartist=Someone\nodd_key=odd\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=800\n"
        "title=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=800\nEND=2000\ntitle=Two\n");
    return path;
}

/// Two sounds, a text subtitle, chapters, tags, languages, dispositions.
std::string rich_mp4() {
    return make_clip("copy_rich.mp4", std::string(picture) + sound + sound + "-i " + subtitle_file() + " -i " +
                                          metadata_file() +
                                          " -map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4 -c:v libx264 "
                                          "-c:a:0 aac -c:a:1 ac3 -c:s mov_text -metadata:s:a:0 language=ger "
                                          "-metadata:s:s:0 language=fre -disposition:a:0 0 -disposition:a:1 default");
}

std::string rich_mkv() {
    const std::string font = temporary("copy_font.ttf");
    write_text(font, std::string(5000, 'f'));
    return make_clip("copy_rich.mkv",
                     std::string(picture) + sound + sound + "-i " + subtitle_file() + " -i " + subtitle_file() +
                         " -i " + metadata_file() +
                         " -map 0 -map 1 -map 2 -map 3 -map 4 -map_metadata 5 -map_chapters 5 -c:v "
                         "libx264 -c:a:0 libopus -c:a:1 flac -c:s:0 srt -c:s:1 ass -attach " +
                         font +
                         " -metadata:s:t mimetype=application/x-truetype-font -metadata:s:a:1 title=Commentary "
                         "-metadata:s:a:1 language=jpn -disposition:a:1 comment -disposition:s:0 forced");
}

const Encoded& picture_stream() {
    static const Encoded encoded = [] {
        EncoderRequest request;
        request.preset = "ultrafast";
        return encode(resolve_encoder(request, small_input()), constant_times(50, 0, 512));
    }();
    return encoded;
}

std::vector<CopyNote> copy(const std::string& clip, const std::string& path, const CopyOptions& options = {}) {
    const auto source = open_source({.path = clip});
    return write_file({.path = path}, picture_stream(), source.get(), options);
}

std::vector<std::string> losses(const std::vector<CopyNote>& notes) {
    std::vector<std::string> out;
    for (const CopyNote& note : notes) {
        if (note.loss) out.push_back(note.text);
    }
    return out;
}

/// pts of the packets of one stream in seconds.
std::vector<double> seconds_of(const std::string& path, const std::string& stream) {
    std::istringstream in(probe(path, "packet=pts_time", "-select_streams " + stream));
    std::vector<double> out;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line != ",") out.push_back(std::stod(line));
    }
    return out;
}

void expect_shifted(const std::vector<double>& from, const std::vector<double>& to, double shift) {
    ASSERT_EQ(from.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) EXPECT_NEAR(to[i], from[i] + shift, 0.00101) << "packet " << i;
}

TEST(SinkCopy, Mp4ToMp4KeepsAll) {
    const std::string clip = rich_mp4();
    const std::string path = temporary("copy_mp4.mp4");
    EXPECT_THAT(copy(clip, path), IsEmpty());
    for (const char* stream : {"a:0", "a:1", "s:0"}) {
        EXPECT_EQ(packet_hashes(path, stream), packet_hashes(clip, stream)) << stream;
        const std::string times = std::string("-select_streams ") + stream;
        EXPECT_EQ(probe(path, "packet=pts,duration", times), probe(clip, "packet=pts,duration", times)) << stream;
    }
    for (const char* entries : {"stream_tags=language", "stream_disposition", "format_tags=title,artist",
                                "chapter=start_time,end_time:chapter_tags=title"}) {
        EXPECT_EQ(probe(path, entries), probe(clip, entries)) << entries;
    }
}

TEST(SinkCopy, Mp4ToMovAndMatroska) {
    const std::string clip = rich_mp4();
    const std::string mov = temporary("copy_mp4.mov");
    EXPECT_THAT(losses(copy(clip, mov)), IsEmpty());
    const std::string mkv = temporary("copy_mp4.mkv");
    const std::vector<CopyNote> notes = copy(clip, mkv);
    EXPECT_THAT(losses(notes), IsEmpty());
    ASSERT_EQ(notes.size(), 2U);
    EXPECT_THAT(notes[0].text, HasSubstr("converted to subrip"));
    EXPECT_THAT(notes[1].text, HasSubstr("0.024 s later"));  // 1024 samples of priming, up to a millisecond
    for (const char* stream : {"a:0", "a:1"}) {
        EXPECT_EQ(packet_hashes(mov, stream), packet_hashes(clip, stream)) << stream;
        EXPECT_EQ(packet_hashes(mkv, stream), packet_hashes(clip, stream)) << stream;
        expect_shifted(seconds_of(clip, stream), seconds_of(mkv, stream), 0.024);
    }
    const std::vector<ProbedFrame> frames = probe_frames(mkv);
    ASSERT_EQ(frames.size(), 50U);
    EXPECT_EQ(frames[0].pts, 24);
    EXPECT_EQ(probe(mkv, "chapter=start_time,end_time:chapter_tags=title"),
              probe(clip, "chapter=start_time,end_time:chapter_tags=title"));
    EXPECT_EQ(run("ffmpeg -v error -i " + mkv + " -map 0:s -f srt - | grep -c -e Hello -e Second"), "2\n");
}

TEST(SinkCopy, MatroskaToMatroskaKeepsAll) {
    const std::string clip = rich_mkv();
    const std::string path = temporary("copy_mkv.mkv");
    EXPECT_THAT(copy(clip, path), IsEmpty());
    for (const char* stream : {"a:0", "a:1", "s:0", "s:1"}) {
        EXPECT_EQ(packet_hashes(path, stream), packet_hashes(clip, stream)) << stream;
        const std::string times = std::string("-select_streams ") + stream;
        EXPECT_EQ(probe(path, "packet=pts", times), probe(clip, "packet=pts", times)) << stream;
    }
    for (const char* entries : {"stream_tags=language,title,filename,mimetype", "stream_disposition",
                                "format_tags=title,ARTIST,ODD_KEY", "chapter=start_time,end_time:chapter_tags=title"}) {
        EXPECT_EQ(probe(path, entries), probe(clip, entries)) << entries;
    }
    const std::string font = temporary("copy_font_back.ttf");
    run("ffmpeg -v quiet -y -dump_attachment:t:0 " + font + " -i " + path + " || true");
    EXPECT_EQ(run("cat " + font), std::string(5000, 'f'));
}

TEST(SinkCopy, MatroskaToMp4ConvertsTextAndSaysWhatIsLost) {
    const std::string clip = rich_mkv();
    const std::string path = temporary("copy_mkv.mp4");
    const std::vector<CopyNote> notes = copy(clip, path);
    EXPECT_THAT(losses(notes),
                ElementsAre(HasSubstr("(subtitle, ass): converted to mov_text, which loses styles"),
                            HasSubstr("attachment copy_font.ttf: mp4 holds none"), HasSubstr("metadata ODD_KEY")));
    EXPECT_EQ(packet_hashes(path, "a:0"), packet_hashes(clip, "a:0"));
    EXPECT_EQ(packet_hashes(path, "a:1"), packet_hashes(clip, "a:1"));
    expect_shifted(seconds_of(clip, "a:1"), seconds_of(path, "a:1"), 0);
    EXPECT_EQ(run("ffmpeg -v error -i " + path + " -map 0:s:0 -f srt - | grep -v -e '-->'"),
              run("ffmpeg -v error -i " + clip + " -map 0:s:0 -f srt - | grep -v -e '-->'"));
    EXPECT_EQ(run("ffmpeg -v error -copyts -i " + path + " -map 0:s:0 -f srt - | grep -e '-->'"),
              run("ffmpeg -v error -copyts -i " + clip + " -map 0:s:0 -f srt - | grep -e '-->'"));
    EXPECT_THAT(probe(path, "stream_tags=language", "-select_streams a:1"), HasSubstr("jpn"));
}

TEST(SinkCopy, TransportStreamKeepsSoundInSync) {
    const std::string clip = rich_mp4();
    const std::string path = temporary("copy_mp4.ts");
    const std::vector<CopyNote> notes = copy(clip, path);
    EXPECT_THAT(losses(notes), Contains(HasSubstr("mov_text): mpegts holds none")));
    EXPECT_THAT(losses(notes), Contains(HasSubstr("2 chapters")));
    EXPECT_EQ(packet_hashes(path, "a:1"), packet_hashes(clip, "a:1"));
    expect_shifted(seconds_of(clip, "a:1"), seconds_of(path, "a:1"), 1.4);
    EXPECT_EQ(probe_frames(path).front().pts, 126000);
    // Back again: nothing needs a shift, since the stream starts late enough.
    const std::string again = temporary("copy_ts.mp4");
    EXPECT_THAT(copy(path, again), IsEmpty());
    expect_shifted(seconds_of(path, "a:1"), seconds_of(again, "a:1"), 0);
}

TEST(SinkCopy, WebmTakesOpusAndWebvtt) {
    EncoderRequest request;
    request.codec = "libvpx-vp9";
    request.options = {{"deadline", "realtime"}, {"cpu-used", "8"}};
    const Encoded encoded = encode(resolve_encoder(request, small_input()), constant_times(50, 0, 512));
    const auto source = open_source({.path = rich_mkv()});
    const std::string path = temporary("copy_mkv.webm");
    const std::vector<CopyNote> notes = write_file({.path = path}, encoded, source.get());
    EXPECT_THAT(losses(notes), Contains(HasSubstr("(audio, flac): webm holds none, dropped")));
    EXPECT_EQ(packet_hashes(path, "a:0"), packet_hashes(rich_mkv(), "a:0"));
    EXPECT_THAT(run("ffmpeg -v error -i " + path + " -map 0:s:0 -f srt -"), HasSubstr("Hello there"));
}

TEST(SinkCopy, LeavesOutWhatIsNotWanted) {
    const std::string path = temporary("copy_without.mkv");
    EXPECT_THAT(copy(rich_mkv(), path, {.audio = false, .subtitles = false, .data = false}), IsEmpty());
    EXPECT_EQ(probe(path, "stream=codec_type"), "video");
}

TEST(SinkCopy, CutsAndShifts) {
    const std::string clip = rich_mkv();
    const std::string path = temporary("copy_cut.mkv");
    const CopyOptions options{.shift_us = 500'000, .begin_us = 500'000, .end_us = 1'500'000};
    EXPECT_THAT(losses(copy(clip, path, options)), IsEmpty());
    std::vector<double> expected;
    for (const double time : seconds_of(clip, "a:1")) {
        if (time >= 0.5 && time < 1.5) expected.push_back(time);
    }
    expect_shifted(expected, seconds_of(path, "a:1"), -0.5);
    // A line that is shown at the cut begins with it, and one at the end stops there.
    EXPECT_THAT(seconds_of(path, "s:0"), ElementsAre(0, testing::DoubleNear(0.607, 0.002)));
    EXPECT_EQ(probe(path, "chapter=start_time,end_time"), "0.000000,0.300000\n0.300000,1.000000");
}

TEST(SinkCopy, TakesPacketsThatTheCallerKept) {
    const std::string clip = rich_mkv();
    auto source = open_source({.path = clip});
    std::vector<Packet> kept;
    for (Packet packet; source->read(packet) == ReadResult::packet;) {
        if (packet.stream != source->info().video) kept.push_back(std::move(packet));
    }
    std::size_t next = 0;
    CopyOptions options;
    options.next_packet = [&](Packet& packet) {
        if (next == kept.size()) return false;
        packet = std::move(kept[next++]);
        return true;
    };
    const std::string path = temporary("copy_kept.mkv");
    EXPECT_THAT(write_file({.path = path}, picture_stream(), source.get(), options), IsEmpty());
    for (const char* stream : {"a:0", "a:1", "s:0", "s:1"}) {
        EXPECT_EQ(packet_hashes(path, stream), packet_hashes(clip, stream)) << stream;
    }
}

TEST(SinkCopy, InterleavesByTime) {
    const std::string path = temporary("copy_interleaved.mkv");
    static_cast<void>(copy(rich_mkv(), path));
    std::istringstream in(probe(path, "packet=stream_index,pts_time"));
    double latest = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.size() < 3 || line.starts_with("3") || line.starts_with("4")) continue;
        const double time = std::stod(line.substr(line.find(',') + 1));
        EXPECT_GT(time, latest - 0.2) << line;  // audio and B-frames step back a little
        latest = std::max(latest, time);
    }
}

TEST(SinkCopy, CoverPicture) {
    const std::string cover = make_clip("copy_cover.jpg", "-f lavfi -i testsrc2=s=64x64:d=1 -frames:v 1 -c:v mjpeg");
    const std::string mp4 = make_clip("copy_covered.mp4", std::string(picture) + "-i " + cover +
                                                              " -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy "
                                                              "-disposition:v:1 attached_pic");
    const std::string bytes = run("md5sum < " + cover);
    for (const char* name : {"copy_covered_out.mp4", "copy_covered_out.mkv"}) {
        const std::string path = temporary(name);
        EXPECT_THAT(losses(copy(mp4, path)), IsEmpty());
        EXPECT_THAT(probe(path, "stream_disposition=attached_pic"), HasSubstr("1")) << name;
        EXPECT_EQ(run("ffmpeg -v error -i " + path + " -map 0:v:1 -c copy -f image2pipe - | md5sum"), bytes) << name;
    }
    EXPECT_THAT(losses(copy(mp4, temporary("copy_covered_out.ts"))), Contains(HasSubstr("holds none")));
}

TEST(SinkCopy, RotationAndAspectRatio) {
    const std::string flat = make_clip("copy_flat.mp4", std::string(picture) + "-c:v libx264");
    const std::string turned = make_clip("copy_turned.mp4", "-i " + flat + " -c copy -metadata:s:v rotate=90");
    const auto source = open_source({.path = turned});
    Encoded encoded = encode(resolve_encoder({}, small_input()), constant_times(5, 0, 512));
    encoded.settings.input.sample_aspect_ratio = {8, 9};
    const std::string path = temporary("copy_turned_out.mp4");
    EXPECT_THAT(write_file({.path = path}, encoded, source.get()), IsEmpty());
    const std::string rotation = "stream_side_data=rotation";
    EXPECT_EQ(probe(path, rotation), probe(turned, rotation));
    EXPECT_THAT(probe(path, rotation), HasSubstr("90"));
    EXPECT_EQ(probe(path, "stream=sample_aspect_ratio"), "8:9");
}

TEST(SinkCopy, SecondVideoStreamIsCopied) {
    const std::string clip = make_clip("copy_two.mkv", std::string(picture) + picture + "-map 0 -map 1 -c:v libx264");
    const std::string path = temporary("copy_two_out.mkv");
    EXPECT_THAT(copy(clip, path), IsEmpty());
    EXPECT_EQ(packet_hashes(path, "v:1"), packet_hashes(clip, "v:1"));
}

}  // namespace
}  // namespace millrace::media
