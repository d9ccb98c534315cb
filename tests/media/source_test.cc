// What open_source() says of files, and how it refuses what it cannot use.

#include "media/source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "media/clips.h"
#include "media/frame_reader.h"
#include "support/error_of.h"

namespace millrace::media::test {

namespace {

using millrace::test::message_of;
using testing::HasSubstr;

const std::string pattern = "-f lavfi -i testsrc2=size=192x128:rate=25:duration=1 ";

std::string refusal(const SourceOptions& options) {
    const std::string text = message_of(core::ErrorCode::bad_input, [&] { (void)open_source(options); });
    EXPECT_THAT(text, HasSubstr(options.path));
    return text;
}

std::string write_file(const std::string& name, const std::string& bytes) {
    const std::string path = temporary(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(SourceRefuses, WhatIsNoVideo) {
    EXPECT_THAT(refusal({.path = "/nowhere/a.mp4"}), HasSubstr("no such file"));
    EXPECT_THAT(refusal({.path = temporary("")}), HasSubstr("is a directory"));
    EXPECT_THAT(refusal({.path = write_file("empty.mp4", "")}), HasSubstr("is empty"));
    const std::string text = "Not a video.\nOnly lines of text, and more of them.\n";
    EXPECT_THAT(refusal({.path = write_file("text.mp4", text)}), HasSubstr("not a media file"));
    EXPECT_THAT(refusal({.path = write_file("text.txt", text)}), HasSubstr("not a media file"));
    const std::string audio = make_clip("audio.mp4", "-f lavfi -i sine=duration=0.5 -c:a aac");
    EXPECT_THAT(refusal({.path = audio}), HasSubstr("has no video stream"));
    const std::string cover = make_clip("cover.mp3",
                                        "-f lavfi -i sine=duration=0.5 -f lavfi -i color=red:size=64x64:duration=0.04 "
                                        "-map 0 -map 1 -c:v mjpeg -disposition:v attached_pic");
    EXPECT_THAT(refusal({.path = cover}), HasSubstr("has no video stream"));
}

TEST(SourceRefuses, AnMp4CutBeforeItsIndex) {
    const std::string bytes = read_file(make_clip("index_behind.mp4", pattern + "-c:v libx264"));
    EXPECT_THAT(refusal({.path = write_file("cut_no_index.mp4", bytes.substr(0, bytes.size() / 2))}),
                HasSubstr("cut off before its index"));
}

TEST(SourceRefuses, AStreamThatIsNotThere) {
    const std::string path = make_clip("one_stream.mp4", pattern + "-c:v libx264");
    EXPECT_THAT(refusal({.path = path, .video_ordinal = 1}), HasSubstr("has no video stream v:1, it has 1"));
}

TEST(Source, DescribesItsStreams) {
    const std::string path = make_clip(
        "described.mkv", pattern +
                             "-f lavfi -i sine=duration=1 -map 1 -map 0 -c:v libx264 -profile:v high -c:a aac -ac 2 "
                             "-colorspace bt709 -color_range tv -color_primaries bt2020 -color_trc smpte2084 "
                             "-vf setsar=4/3 -metadata title=Mill -metadata:s:a language=deu -disposition:v default");
    const auto source = open_source({.path = path});
    const SourceInfo& info = source->info();
    EXPECT_EQ(info.format, "matroska,webm");
    EXPECT_EQ(info.size_bytes, static_cast<std::int64_t>(std::filesystem::file_size(path)));
    EXPECT_NEAR(info.duration_seconds, 1, 0.05);
    EXPECT_TRUE(info.seekable);
    EXPECT_EQ(info.metadata.at("title"), "Mill");
    ASSERT_EQ(info.streams.size(), 2U);
    EXPECT_EQ(info.video, 1);
    const StreamInfo& audio = info.streams[0];
    EXPECT_EQ(audio.kind, MediaKind::audio);
    EXPECT_EQ(audio.codec, "aac");
    EXPECT_EQ(audio.channels, 2);
    EXPECT_EQ(audio.sample_rate, 44100);
    EXPECT_EQ(audio.metadata.at("language"), "deu");
    const StreamInfo& video = info.video_stream();
    EXPECT_EQ(video.codec, "h264");
    EXPECT_EQ(video.profile, "High");
    EXPECT_EQ(video.pixel_format, "yuv420p");
    EXPECT_EQ(video.time_base, (core::Rational{1, 1000}));
    EXPECT_EQ(video.average_frame_rate, (core::Rational{25, 1}));
    EXPECT_EQ(video.sample_aspect_ratio, (core::Rational{4, 3}));
    EXPECT_EQ(video.picture.width, 192);
    EXPECT_EQ(video.picture.height, 128);
    EXPECT_THAT(video.dispositions, testing::Contains("default"));
    EXPECT_FALSE(video.interlaced);
    EXPECT_EQ(video.repack_note, "");
    EXPECT_EQ(video.color.value.matrix, core::Matrix::bt709);
    EXPECT_EQ(video.color.matrix_from, core::ColorOrigin::stream);
    EXPECT_EQ(video.color.value.primaries, 9);
    EXPECT_EQ(video.color.value.transfer, 16);
}

TEST(Source, ReportsRotationAndInterlacing) {
    const std::string straight = make_clip("straight.mp4", pattern + "-c:v libx264");
    const std::string turned = make_clip("turned.mp4", "-i '" + straight + "' -c copy -metadata:s:v rotate=270");
    // ffprobe counts counter-clockwise.
    EXPECT_THAT(run("ffprobe -v error -show_entries stream_side_data=rotation -of csv=p=0 '" + turned + "'"),
                testing::StartsWith("-90\n"));
    EXPECT_EQ(open_source({.path = turned})->info().video_stream().rotation, 90);
    const std::string fields =
        make_clip("fields.mp4", pattern + "-vf setfield=tff -flags +ilme+ildct -c:v libx264 -x264-params interlaced=1");
    EXPECT_TRUE(open_source({.path = fields})->info().video_stream().interlaced);
}

TEST(Source, PicksTheVideoStreamAskedFor) {
    const std::string path = make_clip("two.mkv",
                                       "-f lavfi -i testsrc2=size=64x48:duration=1:rate=25 -f lavfi -i "
                                       "testsrc2=size=96x64:duration=1:rate=25 -map 0 -map 1 -c:v libx264 -g 10");
    EXPECT_EQ(open_source({.path = path})->info().video_stream().picture.width, 64);
    const SourceOptions second{.path = path, .video_ordinal = 1};
    EXPECT_EQ(open_source(second)->info().video_stream().picture.width, 96);
    const PacketIndex index = build_index(*open_source(second));
    EXPECT_EQ(index.frame_pts.size(), 25U);
    const auto reader = open_frame_reader(second, {}, index);
    reader->start({});
    std::vector<Shown> frames;
    for (device::Picture picture; reader->next(picture);) frames.push_back(shown(picture));
    EXPECT_EQ(frames, ffmpeg_frames(path, "", 1));
}

struct ColorCase {
    const char* name;
    const char* file;
    std::string arguments;
    core::ColorDescription expected;
};

// Gaps are filled by the rule of core/color.h.
TEST(SourceColor, IsResolved) {
    using core::ChromaSiting;
    using core::Matrix;
    using core::Range;
    const std::string hd = "-f lavfi -i testsrc2=size=1280x720:rate=25:duration=0.08 ";
    const std::vector<ColorCase> cases{
        {"small, nothing said",
         "c1.mp4",
         pattern + "-c:v libx264",
         {Matrix::smpte170m, Range::limited, 2, 2, ChromaSiting::left}},
        {"large, nothing said",
         "c2.mp4",
         hd + "-c:v libx264",
         {Matrix::bt709, Range::limited, 2, 2, ChromaSiting::left}},
        {"full range",
         "c3.mp4",
         pattern + "-c:v libx264 -color_range pc",
         {Matrix::smpte170m, Range::full, 2, 2, ChromaSiting::left}},
        {"jpeg", "c4.mov", pattern + "-c:v mjpeg", {Matrix::bt470bg, Range::full, 2, 2, ChromaSiting::center}},
        {"rgb",
         "c5.mkv",
         pattern + "-c:v ffv1 -pix_fmt gbrp",
         {Matrix::identity, Range::full, 2, 2, ChromaSiting::left}},
        {"mpeg1",
         "c6.mpg",
         pattern + "-c:v mpeg1video",
         {Matrix::smpte170m, Range::limited, 2, 2, ChromaSiting::center}},
        {"hdr",
         "c7.mkv",
         pattern + "-c:v libx265 -x265-params log-level=error:colormatrix=9:transfer=16:colorprim=9:chromaloc=2",
         {Matrix::bt2020_ncl, Range::limited, 9, 16, ChromaSiting::top_left}},
    };
    for (const ColorCase& item : cases) {
        SCOPED_TRACE(item.name);
        const auto source = open_source({.path = make_clip(item.file, item.arguments)});
        const core::ColorDescription& got = source->info().video_stream().color.value;
        EXPECT_STREQ(core::name(got.matrix), core::name(item.expected.matrix));
        EXPECT_STREQ(core::name(got.range), core::name(item.expected.range));
        EXPECT_STREQ(core::name(got.siting), core::name(item.expected.siting));
        EXPECT_EQ(got.primaries, item.expected.primaries);
        EXPECT_EQ(got.transfer, item.expected.transfer);
    }
}

TEST(SourceColor, IsWhatTheUserSays) {
    const std::string path = make_clip("user_color.mp4", pattern + "-c:v libx264 -colorspace bt709 -color_range tv");
    SourceOptions options{.path = path};
    options.color_override.matrix = core::Matrix::bt2020_ncl;
    options.color_override.range = core::Range::full;
    const auto source = open_source(options);
    const core::ResolvedColor& color = source->info().video_stream().color;
    EXPECT_EQ(color.value.matrix, core::Matrix::bt2020_ncl);
    EXPECT_EQ(color.matrix_from, core::ColorOrigin::user);
    EXPECT_EQ(color.range_from, core::ColorOrigin::user);
    EXPECT_EQ(color.primaries_from, core::ColorOrigin::rule);
    const PacketIndex index = build_index(*source);
    const auto reader = open_frame_reader(options, {}, index);
    reader->start({});
    device::Picture picture;
    ASSERT_TRUE(reader->next(picture));
    EXPECT_EQ(picture.desc.color, color.value);
}

TEST(SourceHdr, ComesFromTheContainerOrTheFirstFrame) {
    const std::string hdr =
        pattern +
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=error:colormatrix=9:transfer=16:"
        "colorprim=9:hdr10=1:max-cll=1000,400:master-display='G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
        "L(10000000,50)'";
    for (const char* name : {"hdr.mp4", "hdr.mkv", "hdr.ts"}) {
        SCOPED_TRACE(name);
        const auto source = open_source({.path = make_clip(name, hdr)});
        const HdrMetadata& found = source->info().video_stream().hdr;
        ASSERT_TRUE(found.mastering);
        ASSERT_TRUE(found.light);
        const auto value = [](core::Rational r) { return static_cast<double>(r.num) / static_cast<double>(r.den); };
        EXPECT_NEAR(value(found.mastering->primaries[0][0]), 0.68, 1e-6);
        EXPECT_NEAR(value(found.mastering->primaries[1][1]), 0.69, 1e-6);
        EXPECT_NEAR(value(found.mastering->white_point[0]), 0.3127, 1e-6);
        EXPECT_NEAR(value(found.mastering->max_luminance), 1000, 1e-6);
        EXPECT_NEAR(value(found.mastering->min_luminance), 0.005, 1e-6);
        EXPECT_EQ(found.light->max_content, 1000U);
        EXPECT_EQ(found.light->max_frame_average, 400U);
        // What was read for it is still there.
        const PacketIndex index = build_index(*source);
        EXPECT_EQ(index.frame_pts.size(), 25U);
        Packet packet;
        int packets = 0;
        while (source->read(packet) == ReadResult::packet) ++packets;
        EXPECT_EQ(packets, 25);
    }
}

/// Puts a file on standard input while it lives.
class StandardInput {
  public:
    explicit StandardInput(const std::string& command) : saved_(dup(0)), pipe_(popen(command.c_str(), "r")) {
        dup2(fileno(pipe_), 0);
    }
    ~StandardInput() {
        dup2(saved_, 0);
        close(saved_);
        pclose(pipe_);
    }
    StandardInput(const StandardInput&) = delete;
    StandardInput& operator=(const StandardInput&) = delete;

  private:
    int saved_;
    FILE* pipe_;
};

TEST(SourcePipe, IsReadOnceAndExactly) {
    for (const char* name : {"pipe.ts", "pipe.mkv", "pipe_front.mp4"}) {
        SCOPED_TRACE(name);
        const std::string path = make_clip(name, pattern + "-c:v libx264 -bf 2 -movflags faststart");
        const std::vector<Shown> expected = ffmpeg_frames(path);
        const StandardInput input("cat '" + path + "'");
        const SourceOptions options{.path = "-"};
        auto source = open_source(options);
        EXPECT_FALSE(source->info().seekable);
        const PacketIndex index = build_index(*source);
        EXPECT_EQ(index.one_segment_reason, "standard input");
        const auto reader = open_frame_reader(options, {}, index, std::move(source));
        reader->start({});
        std::vector<Shown> frames;
        std::vector<std::int64_t> durations;
        for (device::Picture picture; reader->next(picture);) {
            frames.push_back(shown(picture));
            durations.push_back(picture.duration);
        }
        EXPECT_EQ(frames, expected);
        for (std::size_t i = 0; i + 1 < frames.size(); ++i) EXPECT_EQ(durations[i], frames[i + 1].pts - frames[i].pts);
    }
}

TEST(SourcePipe, SaysWhyAnMp4WithItsIndexBehindCannotBeRead) {
    const std::string path = make_clip("pipe_behind.mp4", pattern + "-c:v libx264 -qp 0");
    const StandardInput input("cat '" + path + "'");
    EXPECT_THAT(refusal({.path = "-"}), HasSubstr("faststart"));
}

std::int64_t count_frames(const std::string& path, ReadStats& stats) {
    const SourceOptions options{.path = path};
    const PacketIndex index = build_index(*open_source(options));
    const auto reader = open_frame_reader(options, {}, index);
    reader->start({});
    std::int64_t frames = 0;
    std::int64_t last = core::no_pts;
    for (device::Picture picture; reader->next(picture); ++frames) {
        EXPECT_GT(picture.pts, last);
        last = picture.pts;
    }
    stats = reader->stats();
    return frames;
}

TEST(SourceDamaged, AnMp4CutBehindItsIndexGivesWhatIsThere) {
    const std::string whole = make_clip("index_front.mp4", pattern + "-c:v libx264 -bf 0 -movflags faststart");
    const std::string bytes = read_file(whole);
    const std::string path = write_file("cut_with_index.mp4", bytes.substr(0, bytes.size() * 2 / 3));
    const PacketIndex index = build_index(*open_source({.path = path}));
    EXPECT_THAT(index.damage, HasSubstr("of 25 packets"));
    ReadStats stats;
    const std::int64_t frames = count_frames(path, stats);
    EXPECT_GT(frames, 5);
    EXPECT_LT(frames, 25);
}

TEST(SourceDamaged, AFileWithoutFramesGivesNone) {
    const std::string path = make_clip("no_frames.mp4", pattern + "-c:v libx264 -frames:v 0 -movflags empty_moov");
    try {
        ReadStats stats;
        EXPECT_EQ(count_frames(path, stats), 0);
    } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
        EXPECT_THAT(error.what(), HasSubstr("no picture size"));
    }
}

TEST(SourceSizes, FromOneSampleToTheWidest) {
    for (const auto& [size, codec] :
         std::vector<std::pair<std::string, std::string>>{{"1x1", "-c:v ffv1 -pix_fmt yuv420p"},
                                                          {"16384x16", "-c:v libx264 -preset ultrafast"},
                                                          {"3x5", "-c:v libvpx-vp9"}}) {
        SCOPED_TRACE(size);
        const std::string path =
            make_clip("size_" + size + ".mkv", "-f lavfi -i testsrc=size=" + size + ":rate=25:duration=0.2 " + codec);
        const SourceOptions options{.path = path};
        const PacketIndex index = build_index(*open_source(options));
        const auto reader = open_frame_reader(options, {}, index);
        reader->start({});
        std::vector<Shown> frames;
        for (device::Picture picture; reader->next(picture);) frames.push_back(shown(picture));
        EXPECT_EQ(frames, ffmpeg_frames(path));
        EXPECT_EQ(frames.size(), 5U);
    }
}

}  // namespace

}  // namespace millrace::media::test
