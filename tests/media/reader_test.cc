// Frames of a file, whole and by segments, against what the ffmpeg program decodes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "media/clips.h"
#include "media/frame_reader.h"

namespace millrace::media::test {

namespace {

struct Case {
    std::string name;
    std::string file;        ///< with the extension that picks the container
    std::string arguments;   ///< of ffmpeg
    int least_segments = 0;  ///< 0: the file must be one segment
};

std::ostream& operator<<(std::ostream& out, const Case& item) { return out << item.name; }

struct Read {
    std::vector<Shown> frames;
    std::vector<std::int64_t> durations;
    ReadStats stats;
};

void read_all(FrameReader& reader, Read& out) {
    device::Picture picture;
    while (reader.next(picture)) {
        out.frames.push_back(shown(picture));
        out.durations.push_back(picture.duration);
    }
    out.stats = reader.stats();
}

constexpr const char* source = "-f lavfi -i testsrc2=size=192x128:rate=25:duration=4 ";

class ReaderTest : public testing::TestWithParam<Case> {};

void check_segments(const SourceOptions& options, const PacketIndex& index, const Read& whole);

void check_file(const std::string& path, int least_segments) {
    const std::vector<Shown> expected = ffmpeg_frames(path);
    ASSERT_FALSE(expected.empty());

    const SourceOptions options{.path = path};
    const auto opened = open_source(options);
    const PacketIndex index = build_index(*opened);
    const auto reader = open_frame_reader(options, {}, index);
    Read whole;
    reader->start({});
    read_all(*reader, whole);
    EXPECT_EQ(whole.frames, expected);
    EXPECT_THAT(whole.stats.missing_pts, testing::IsEmpty());
    EXPECT_EQ(whole.stats.decode_errors, 0);
    EXPECT_THAT(whole.durations, testing::Each(testing::Gt(0)));

    if (least_segments == 0) {
        EXPECT_NE(index.one_segment_reason, "");
        return;
    }
    ASSERT_EQ(index.one_segment_reason, "");
    EXPECT_GE(index.access_points.size(), static_cast<std::size_t>(least_segments));
    std::vector<std::int64_t> pts;
    for (const Shown& frame : expected) pts.push_back(frame.pts);
    EXPECT_EQ(index.frame_pts, pts);
    check_segments(options, index, whole);
}

// Times that run backward: all frames, in times that only run forward.
void check_retimed(const std::string& path) {
    const std::vector<Shown> expected = ffmpeg_frames(path);
    const SourceOptions options{.path = path};
    const PacketIndex index = build_index(*open_source(options));
    EXPECT_NE(index.one_segment_reason, "");
    Read whole;
    const auto reader = open_frame_reader(options, {}, index);
    reader->start({});
    read_all(*reader, whole);
    ASSERT_EQ(whole.frames.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(whole.frames[i].crc, expected[i].crc);
        EXPECT_TRUE(i == 0 || whole.frames[i].pts > whole.frames[i - 1].pts);
    }
    EXPECT_GT(whole.stats.retimed_frames, 0);
}

// Each access point's own range by a reader of its own.
void check_segments(const SourceOptions& options, const PacketIndex& index, const Read& whole) {
    Read joined;
    for (std::size_t i = 0; i < index.access_points.size(); ++i) {
        FrameRange range;
        if (i > 0) range.begin = index.access_points[i].pts;
        if (i + 1 < index.access_points.size()) range.end = index.access_points[i + 1].pts;
        const auto lane = open_frame_reader(options, {}, index);
        lane->start(range);
        read_all(*lane, joined);
        EXPECT_THAT(joined.stats.missing_pts, testing::IsEmpty());
    }
    EXPECT_EQ(joined.frames, whole.frames);
    EXPECT_EQ(joined.durations, whole.durations);
}

void check(const Case& item) { check_file(make_clip(item.file, item.arguments), item.least_segments); }

TEST_P(ReaderTest, GivesTheFramesThatFfmpegGives) { check(GetParam()); }

// Closed GOPs of 25 frames, four of them.
const std::string input = source;
const std::string x264 = input + "-c:v libx264 -preset veryfast -g 25 -bf 3 ";
const std::string x265 = input + "-c:v libx265 -preset ultrafast -g 25 -x265-params log-level=error:pools=1:bframes=3";
const std::string open_gop = "-x264-params open-gop=1 ";
const std::string mbaff = "-vf setfield=tff -flags +ilme+ildct -x264-params interlaced=1:open-gop=1 ";
const std::string vp9 =
    input + "-c:v libvpx-vp9 -deadline realtime -cpu-used 5 -auto-alt-ref 1 -lag-in-frames 16 -g 25 ";
const std::string svt = input + "-c:v libsvtav1 -preset 12 -g 25 -svtav1-params lookahead=20 ";
const std::string aom = input + "-c:v libaom-av1 -cpu-used 8 -g 25 -lag-in-frames 16 ";
const std::string mpeg2 = input + "-c:v mpeg2video -g 12 -bf 2 -q:v 4 ";
const std::string mpeg4 = input + "-c:v mpeg4 -g 25 -bf 2 -q:v 4 ";
const std::string vfr = "-vf \"select='not(mod(n,7)*mod(n,3))+lt(n,40)'\" -fps_mode vfr ";

std::string name_of(const testing::TestParamInfo<Case>& item) { return item.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Mp4, ReaderTest,
    testing::Values(
        Case{"h264", "h264.mp4", x264, 4}, Case{"h264_open", "h264_open.mp4", x264 + open_gop, 4},
        Case{"h264_pyramid", "h264_pyramid.mp4", x264 + "-bf 6 -b_strategy 0 " + open_gop, 4},
        // The last open GOP is shorter than the reordering: libavcodec 5.1 loses its P picture when it begins there.
        Case{"h264_open_short_end", "h264_open_short_end.mp4",
             x264 + "-x264-params open-gop=1:keyint=12:min-keyint=12:scenecut=0:bframes=2:threads=2", 8},
        Case{"h264_mbaff", "h264_mbaff.mp4", x264 + mbaff, 4}, Case{"h264_vfr", "h264_vfr.mp4", x264 + vfr, 2},
        Case{"h264_10bit_422", "h264_10.mp4", x264 + "-pix_fmt yuv422p10le", 4},
        Case{"h264_fragmented", "h264_frag.mp4", x264 + "-movflags frag_keyframe+empty_moov", 4},
        Case{"h264_gradual", "h264_gradual.mp4", x264 + "-bf 0 -x264-params intra-refresh=1", 0},
        Case{"hevc", "hevc.mp4", x265 + ":open-gop=0", 4}, Case{"hevc_open", "hevc_open.mp4", x265 + ":open-gop=1", 4},
        Case{"hevc_12bit_444", "hevc_12.mp4", x265 + ":open-gop=1 -pix_fmt yuv444p12le", 4},
        Case{"vp9", "vp9.mp4", vp9, 4}, Case{"av1", "av1.mp4", svt, 4}, Case{"mpeg2", "mpeg2.mp4", mpeg2, 4},
        Case{"mpeg4", "mpeg4.mp4", mpeg4, 4}, Case{"prores", "prores.mov", input + "-c:v prores_ks -profile:v 3", 4},
        Case{"mjpeg", "mjpeg.mov", input + "-c:v mjpeg -q:v 3", 4}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Matroska, ReaderTest,
    testing::Values(
        Case{"h264_open", "h264_open.mkv", x264 + open_gop, 4}, Case{"h264_mbaff", "h264_mbaff.mkv", x264 + mbaff, 4},
        Case{"h264_vfr", "h264_vfr.mkv", x264 + vfr, 2}, Case{"hevc_open", "hevc_open.mkv", x265 + ":open-gop=1", 4},
        Case{"vp8", "vp8.webm", input + "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -g 25 -deadline realtime", 4},
        Case{"vp9", "vp9.webm", vp9, 4}, Case{"vp9_odd", "vp9_odd.webm", vp9 + "-vf scale=191:127", 4},
        Case{"av1_svt", "av1.mkv", svt, 4}, Case{"av1_aom", "av1.webm", aom, 4}, Case{"mpeg2", "mpeg2.mkv", mpeg2, 4},
        Case{"mpeg4", "mpeg4.mkv", mpeg4, 4}, Case{"ffv1", "ffv1.mkv", input + "-c:v ffv1 -g 10 -pix_fmt yuv420p", 4},
        Case{"ffv1_gray", "ffv1_gray.mkv", input + "-c:v ffv1 -g 10 -pix_fmt gray10le", 4},
        Case{"ffv1_rgb", "ffv1_rgb.mkv", input + "-c:v ffv1 -g 10 -pix_fmt gbrp10le -vf scale=191:127", 4},
        Case{"mjpeg", "mjpeg.mkv", input + "-c:v mjpeg -q:v 3", 4}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    MpegTs, ReaderTest,
    testing::Values(Case{"h264", "h264.ts", x264, 4}, Case{"h264_open", "h264_open.ts", x264 + open_gop, 4},
                    Case{"h264_mbaff", "h264_mbaff.ts", x264 + mbaff, 4},
                    Case{"h264_wrap", "h264_wrap.ts", x264 + open_gop + "-output_ts_offset 95441", 4},
                    Case{"hevc_open", "hevc_open.ts", x265 + ":open-gop=1", 4}, Case{"mpeg2", "mpeg2.ts", mpeg2, 4}),
    name_of);

INSTANTIATE_TEST_SUITE_P(OneSegment, ReaderTest,
                         testing::Values(Case{"mpeg2_ps", "mpeg2.mpg", mpeg2, 0},
                                         Case{"avi_h264", "h264.avi", x264 + "-bf 0", 0},
                                         Case{"avi_mpeg4", "mpeg4.avi", mpeg4, 0},
                                         Case{"avi_mjpeg", "mjpeg.avi", input + "-c:v mjpeg -q:v 3", 0},
                                         Case{"raw_h264", "raw.h264", x264, 0},
                                         Case{"raw_hevc", "raw.hevc", x265 + ":open-gop=1", 0}),
                         name_of);

// Streams without times at a rate that somebody says: frames in order of presentation, numbered.
TEST(ReaderCounted, NumbersTheFramesThatFfmpegGives) {
    for (const Case& item : {Case{"mjpeg", "counted.mjpeg", input + "-c:v mjpeg -q:v 3", 100},
                             Case{"h264", "counted.h264", x264, 0}, Case{"hevc", "counted.hevc", x265, 0},
                             Case{"mpeg2", "counted.m2v", mpeg2, 0}, Case{"av1", "counted.obu", aom + "-f obu", 4}}) {
        SCOPED_TRACE(item.name);
        const std::string path = make_clip(item.file, item.arguments);
        const SourceOptions options{.path = path, .frame_rate = {24'000, 1'001}};
        const auto opened = open_source(options);
        EXPECT_EQ(opened->info().video_stream().time_base, (core::Rational{1'001, 24'000}));
        EXPECT_EQ(opened->info().video_stream().average_frame_rate, options.frame_rate);
        std::vector<Shown> expected = ffmpeg_frames(path);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i].pts = static_cast<std::int64_t>(i);
        const PacketIndex index = build_index(*opened);
        EXPECT_EQ(index.frame_pts.size(), expected.size());
        Read whole;
        const auto reader = open_frame_reader(options, {}, index, nullptr);
        reader->start({});
        read_all(*reader, whole);
        EXPECT_EQ(whole.frames, expected);
        EXPECT_THAT(whole.durations, testing::Each(1));
        EXPECT_EQ(whole.stats.retimed_frames, 0);
        EXPECT_EQ(index.segmentable(), item.least_segments > 0) << index.one_segment_reason;
        if (!index.segmentable()) continue;
        EXPECT_GE(index.access_points.size(), static_cast<std::size_t>(item.least_segments));
        check_segments(options, index, whole);
    }
}

// Files cut from others without coding again.
std::string cut(const std::string& file, const std::string& arguments, const std::string& before = "") {
    return before + " -i '" + make_clip("cut_from_" + file, x264 + open_gop) + "' -c copy " + arguments;
}

TEST(ReaderCut, GivesTheFramesThatFfmpegGives) {
    const std::string sample = std::string("-i '") + MILLRACE_SOURCE_DIR + "/samples/bbb.mp4' -map 0 -c copy ";
    const std::vector<Case> cases{
        {"edit list", "edit.mp4", cut("a.mp4", "", "-ss 1.3"), 2},
        {"edit list and delay", "edit_delay.mp4", cut("a.mp4", "-output_ts_offset 7", "-ss 1.3"), 2},
        {"start offset", "offset.mkv", cut("a.mp4", "-output_ts_offset 100"), 4},
        {"cut in a GOP, Matroska", "cut.mkv", cut("a.mp4", "", "-ss 1.3"), 2},
        {"no cues", "live.mkv", cut("a.mp4", "-f matroska -live 1"), 4},
        {"sample", "bbb.mp4", sample, 1},
        {"sample, Matroska", "bbb.mkv", sample, 1},
        {"sample, TS", "bbb.ts", sample, 1},
        {"sample, TS, wrap", "bbb_wrap.ts", sample + "-output_ts_offset 95441.7 -muxdelay 2", 1},
    };
    for (const Case& item : cases) {
        SCOPED_TRACE(item.name);
        check(item);
    }
}

TEST(ReaderJoined, GivesTheFramesThatFfmpegGives) {
    const std::string first = make_clip("joined_first.ts", x264 + open_gop);
    const std::string later = make_clip("joined_later.ts", x264 + "-output_ts_offset 20");
    for (const auto& [a, b] : {std::pair{first, first}, std::pair{first, later}, std::pair{later, first}}) {
        const std::string joined = temporary("joined.ts");
        run("cat '" + a + "' '" + b + "' > '" + joined + "'");
        if (a == first && b == later) {
            check_file(joined, 8);
        } else {
            check_retimed(joined);
        }
    }
}

// A recording that begins between key frames.
TEST(ReaderTornStart, GivesTheFramesThatFfmpegGives) {
    for (const auto& [name, arguments] : std::vector<std::pair<std::string, std::string>>{
             {"torn_h264", x264 + open_gop}, {"torn_hevc", x265 + ":open-gop=1"}, {"torn_mpeg2", mpeg2}}) {
        SCOPED_TRACE(name);
        const std::string whole = make_clip(name + "_whole.ts", arguments);
        const std::string torn = temporary(name + ".ts");
        run("(head -c 564 '" + whole + "'; tail -c +18801 '" + whole + "') > '" + torn + "'");
        check_file(torn, 2);
    }
}

// Any range, by one reader: forward, backward, within a GOP, across several, empty.
TEST(ReaderRanges, GiveTheirPartOfTheWhole) {
    for (const std::string& path : {make_clip("ranges.mp4", x264 + open_gop), make_clip("ranges.ts", x264 + open_gop),
                                    make_clip("ranges.mkv", x265 + ":open-gop=1"), make_clip("ranges.webm", vp9)}) {
        SCOPED_TRACE(path);
        const std::vector<Shown> expected = ffmpeg_frames(path);
        ASSERT_EQ(expected.size(), 100U);
        const SourceOptions options{.path = path};
        const PacketIndex index = build_index(*open_source(options));
        const auto reader = open_frame_reader(options, {}, index);
        for (const auto& [first, last] : std::vector<std::pair<std::size_t, std::size_t>>{
                 {60, 70}, {10, 11}, {0, 30}, {99, 100}, {23, 27}, {24, 76}, {50, 50}, {74, 75}}) {
            FrameRange range{.begin = expected[first].pts};
            if (last < expected.size()) range.end = expected[last].pts;
            reader->start(range);
            std::vector<Shown> got;
            for (device::Picture picture; reader->next(picture);) got.push_back(shown(picture));
            const auto begin = expected.begin();
            EXPECT_EQ(got, std::vector<Shown>(begin + static_cast<std::ptrdiff_t>(first),
                                              begin + static_cast<std::ptrdiff_t>(last)));
        }
        EXPECT_THAT(reader->stats().missing_pts, testing::IsEmpty());
    }
}

// What is decoded must not depend on how many threads do it.
TEST(ReaderThreads, GiveTheSameFrames) {
    const std::string path = make_clip("threads.mp4", x264 + open_gop);
    const std::vector<Shown> expected = ffmpeg_frames(path);
    const SourceOptions options{.path = path};
    const PacketIndex index = build_index(*open_source(options));
    for (const int threads : {1, 2, 5}) {
        const auto reader = open_frame_reader(options, {.threads = threads}, index);
        reader->start({});
        Read whole;
        read_all(*reader, whole);
        EXPECT_EQ(whole.frames, expected) << threads;
    }
}

}  // namespace

}  // namespace millrace::media::test
