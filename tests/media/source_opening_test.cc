// Opening is quick, and what it finds is what ffprobe finds by decoding: streams, and every packet, at the first
// opening and at later ones that use what the first found.

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "media/clips.h"
#include "media/index.h"
#include "media/source.h"

namespace millrace::media::test {

namespace {

using Words = std::map<std::string, std::string>;

struct Clip {
    std::string file;
    std::string arguments;   ///< of ffmpeg
    bool has_header = true;  ///< its container's header tells all of its streams
};

std::ostream& operator<<(std::ostream& out, const Clip& clip) { return out << clip.file; }

const std::string pattern = "-f lavfi -i testsrc2=size=192x128:rate=25:duration=1.4 ";
const std::string tone = "-f lavfi -i sine=duration=1.4 ";
const std::string x264 = "-g 12 -c:v libx264 -x264-params ";
const std::string x265 = "-g 12 -c:v libx265 -x265-params log-level=none";

std::string path_of(const Clip& clip) { return make_clip("opening_" + clip.file, clip.arguments); }

Words ffprobe_stream(const std::string& path) {
    std::istringstream lines(
        run("ffprobe -v error -select_streams v:0 -show_entries stream=index,codec_name,profile,width,height,pix_fmt,"
            "color_space,color_range,color_primaries,color_transfer,chroma_location,field_order,sample_aspect_ratio,"
            "avg_frame_rate,start_pts,duration_ts -of default=noprint_wrappers=1 '" +
            path + "'"));
    Words words;
    for (std::string line; std::getline(lines, line);) {
        words[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
    }
    return words;
}

std::string number(std::int64_t value, std::int64_t none) { return value == none ? "N/A" : std::to_string(value); }

void expect_described(const StreamInfo& video, const Words& words) {
    const auto said = [&](const char* key) { return words.contains(key) ? words.at(key) : ""; };
    EXPECT_EQ(std::to_string(video.index), said("index"));
    EXPECT_EQ(video.codec, said("codec_name"));
    // VP8's have numbers only.
    EXPECT_TRUE(video.profile.empty() || video.profile == said("profile")) << video.profile << said("profile");
    EXPECT_EQ(std::to_string(video.picture.width), said("width"));
    EXPECT_EQ(std::to_string(video.picture.height), said("height"));
    EXPECT_EQ(video.pixel_format, said("pix_fmt"));
    EXPECT_EQ(fmt::format("{}/{}", video.average_frame_rate.num, video.average_frame_rate.den), said("avg_frame_rate"));
    const core::Rational aspect = video.sample_aspect_ratio;
    EXPECT_EQ(aspect.num == 0 ? "N/A" : fmt::format("{}:{}", aspect.num, aspect.den), said("sample_aspect_ratio"));
    EXPECT_EQ(number(video.start_pts, core::no_pts), said("start_pts"));
    EXPECT_EQ(number(video.duration, core::no_pts), said("duration_ts"));
    EXPECT_EQ(video.interlaced, said("field_order") != "progressive" && said("field_order") != "unknown");
    const auto from_stream = [](core::ColorOrigin origin) { return origin == core::ColorOrigin::stream; };
    EXPECT_EQ(from_stream(video.color.matrix_from), said("color_space") != "unknown");
    EXPECT_EQ(from_stream(video.color.range_from), said("color_range") != "unknown");
    EXPECT_EQ(from_stream(video.color.primaries_from), said("color_primaries") != "unknown");
    EXPECT_EQ(from_stream(video.color.transfer_from), said("color_transfer") != "unknown");
    EXPECT_EQ(from_stream(video.color.siting_from), said("chroma_location") != "unspecified");
}

std::vector<std::string> ffprobe_packets(const std::string& path) {
    std::istringstream lines(
        run("ffprobe -v error -show_entries packet=stream_index,pts,dts,duration,size,pos,flags "
            "-of csv=print_section=0 '" +
            path + "'"));
    std::vector<std::string> packets;
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty()) packets.push_back(line.substr(0, line.find_last_of("KD_") + 1));
    }
    return packets;
}

std::vector<std::string> packets_of(Source& source) {
    std::vector<std::string> packets;
    Packet packet;
    while (source.read(packet) == ReadResult::packet) {
        packets.push_back(fmt::format("{},{},{},{},{},{},{}{}", packet.stream, number(packet.pts, core::no_pts),
                                      number(packet.dts, core::no_pts), number(packet.duration, 0), packet.data.size(),
                                      number(packet.position, -1), packet.key ? 'K' : '_', packet.discard ? 'D' : '_'));
    }
    return packets;
}

class SourceOpening : public testing::TestWithParam<Clip> {};

std::string name_of(const testing::TestParamInfo<Clip>& info) {
    std::string name = info.param.file;
    for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    return name;
}

TEST_P(SourceOpening, FindsWhatFfprobeFinds) {
    const std::string path = path_of(GetParam());
    const Words words = ffprobe_stream(path);
    const std::vector<std::string> packets = ffprobe_packets(path);
    ASSERT_FALSE(packets.empty());
    const auto first = open_source({.path = path});
    const PacketIndex index = build_index(*first);
    expect_described(first->info().video_stream(), words);
    EXPECT_EQ(packets_of(*first), packets);
    first->seek(nullptr);  // opens the file again
    EXPECT_EQ(packets_of(*first), packets);

    const auto again = open_source({.path = path, .known = index.file});
    expect_described(again->info().video_stream(), words);
    EXPECT_EQ(again->info().size_bytes, first->info().size_bytes);
    EXPECT_EQ(again->info().metadata, first->info().metadata);
    EXPECT_EQ(packets_of(*again), packets);
    // Whoever finds out by itself finds out anew.
    EXPECT_EQ(build_index(*again).file == index.file, GetParam().has_header);
}

INSTANTIATE_TEST_SUITE_P(
    Clips, SourceOpening,
    testing::Values(
        Clip{"h264.mp4", pattern + tone + x264 + "bframes=3 -c:a aac"},
        Clip{"h264_none.mp4", pattern + "-c:v libx264 -profile:v baseline"},
        Clip{"h264_10.mp4", pattern + "-pix_fmt yuv420p10le" + " " + x264 + "bframes=2"},
        Clip{"h264_422.mov", pattern + tone + "-pix_fmt yuv422p " + x264 + "bframes=2 -c:a pcm_s16le"},
        Clip{"h264_444.mp4", pattern + "-pix_fmt yuv444p " + x264 + "bframes=2"},
        Clip{"h264_full.mp4", pattern + "-pix_fmt yuvj420p -colorspace bt709 -color_primaries bt709 -color_trc bt709 " +
                                  x264 + "bframes=2"},
        Clip{"h264_siting.mkv", pattern + x264 + "bframes=2:chromaloc=2 -colorspace smpte170m -color_range tv"},
        Clip{"h264_rgb.mkv", pattern + "-c:v libx264rgb -pix_fmt rgb24"},
        Clip{"h264_fields.mp4", pattern + "-vf setfield=tff -flags +ilme+ildct " + x264 + "interlaced=1"},
        Clip{"h264_slices.mp4", pattern + "-vf setsar=4/3 " + x264 + "slices=4:aud=1"},
        Clip{"h264_odd.mp4", "-f lavfi -i testsrc2=size=182x130:rate=30000/1001:duration=1 " + x264 + "bframes=2"},
        Clip{"h264_open.mkv", pattern + tone + x264 + "open-gop=1 -c:a libopus"},
        Clip{"h264_none.mkv", pattern + tone + "-c:v libx264 -bf 0 -c:a aac"},
        Clip{"h264_vfr.mkv", pattern + "-vf 'select=not(mod(n\\,3)-1)' -fps_mode vfr " + x264 + "bframes=2"},
        Clip{"h264_offset.mp4", pattern + x264 + "bframes=2 -output_ts_offset 3"},
        Clip{"h264_two.mkv", pattern + pattern + "-map 0 -map 1 -c:v libx264"},
        Clip{"h264_subtitles.mkv",
             pattern + "-f lavfi -i anullsrc -shortest -metadata title=Mill " + x264 + "bframes=1"},
        Clip{"h264.ts", pattern + tone + x264 + "bframes=2 -c:a aac", false},
        Clip{"h264.flv", pattern + x264 + "bframes=2", false}, Clip{"hevc.mp4", pattern + tone + x265 + " -c:a aac"},
        Clip{"hevc_10.mkv", pattern + "-pix_fmt yuv420p10le " + x265},
        Clip{"hevc_open.mkv", pattern + x265 + ":open-gop=1"},
        Clip{"vp9.webm", pattern + tone + "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"},
        Clip{"vp9.mp4", pattern + "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"},
        Clip{"vp9_10.webm",
             pattern + "-pix_fmt yuv420p10le -c:v libvpx-vp9 -profile:v 2 -deadline realtime -cpu-used 8"},
        Clip{"vp9_444.webm", pattern + "-pix_fmt yuv444p -c:v libvpx-vp9 -profile:v 1 -deadline realtime -cpu-used 8"},
        Clip{"vp8.webm", pattern + tone + "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus"},
        Clip{"mpeg4.mp4", pattern + tone + "-c:v mpeg4 -bf 2 -c:a aac"},
        Clip{"mpeg2.mkv", pattern + "-c:v mpeg2video -bf 2", false}, Clip{"mjpeg.mov", pattern + "-c:v mjpeg"},
        Clip{"prores.mov", pattern + "-c:v prores_ks"}, Clip{"ffv1.mkv", pattern + "-c:v ffv1"}),
    name_of);

// A file that was written anew has nothing to do with what was known of it.
TEST(SourceOpeningAgain, SeesThatTheFileIsAnother) {
    const std::string one = make_clip("opening_one.mp4", pattern + "-c:v libx264");
    const std::string two = make_clip(
        "opening_two.mp4", "-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 -pix_fmt yuv444p -c:v libx264");
    const std::string path = temporary("opening_changing.mp4");
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(one, path, replace);
    const PacketIndex index = build_index(*open_source({.path = path}));
    std::filesystem::copy_file(two, path, replace);
    const auto again = open_source({.path = path, .known = index.file});
    EXPECT_EQ(again->info().video_stream().pixel_format, "yuv444p");
    EXPECT_EQ(again->info().video_stream().picture.width, 96);
}

// What was found for one wish does not answer another.
TEST(SourceOpeningAgain, AnswersTheSameWishOnly) {
    const std::string path = make_clip("opening_wish.mkv", pattern +
                                                               "-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 "
                                                               "-map 0 -map 1 -c:v libx264");
    const PacketIndex index = build_index(*open_source({.path = path}));
    const auto second = open_source({.path = path, .video_ordinal = 1, .known = index.file});
    EXPECT_EQ(second->info().video_stream().picture.width, 96);
    core::ColorDescription color;
    color.matrix = core::Matrix::bt2020_ncl;
    const auto overridden = open_source({.path = path, .color_override = color, .known = index.file});
    EXPECT_EQ(overridden->info().video_stream().color.value.matrix, core::Matrix::bt2020_ncl);
}

}  // namespace

}  // namespace millrace::media::test
