// NVDEC gives libavcodec's frames: to the bit where the standard says so, with the same times, whole and by ranges.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/sha256.h"
#include "gpu/frames.h"
#include "media/clips.h"
#include "media/nvidia/session.h"

namespace millrace::media::test {

namespace {

using testing::HasSubstr;

struct Clip {
    std::string name;
    std::string arguments;  ///< for ffmpeg; empty: a packed one
};

const std::string small = "-f lavfi -i testsrc2=size=256x192:rate=25:duration=2 ";
const std::string x264 = " -g 25 -bf 3 -c:v libx264 -x264-params ";
const std::string x265 = " -g 25 -bf 3 -c:v libx265 -x265-params log-level=none";

std::string path_of(const Clip& clip) {
    if (clip.arguments.empty()) return repository_file("tests/gpu/clips/" + clip.name);
    return make_clip("nvdec_" + clip.name, clip.arguments);
}

/// The first frame that differs, in words.
void expect_equal(const Decoded& gpu, const Decoded& cpu) {
    ASSERT_EQ(gpu.frames.size(), cpu.frames.size());
    for (std::size_t i = 0; i < gpu.frames.size(); ++i) ASSERT_EQ(gpu.frames[i], cpu.frames[i]) << "frame " << i;
    EXPECT_THAT(gpu.stats.missing_pts, testing::IsEmpty());
    EXPECT_THAT(gpu.stats.corrupt_pts, testing::IsEmpty());
    EXPECT_EQ(gpu.stats.decode_errors, 0);
}

class GpuDecode : public testing::TestWithParam<Clip> {};

std::string name_of(const testing::TestParamInfo<Clip>& info) {
    std::string name = info.param.name;
    std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

TEST_P(GpuDecode, EqualsTheCpu) {
    const std::string path = path_of(GetParam());
    Reading gpu(device::DeviceKind::cuda);
    Reading cpu(device::DeviceKind::host);
    ASSERT_EQ(why_not_on_gpu(*open_source({.path = path}), gpu.options()).value_or(""), "");
    const Decoded expected = cpu.read(path);
    ASSERT_FALSE(expected.frames.empty());
    const Decoded got = gpu.read(path);
    expect_equal(got, expected);
    for (std::size_t i = 0; i < std::min(got.descs.size(), expected.descs.size()); ++i) {
        ASSERT_EQ(got.descs[i].format, format_on_gpu(expected.descs[i].format)) << i;
        ASSERT_EQ(got.descs[i].color, expected.descs[i].color) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Exact, GpuDecode,
    testing::Values(Clip{"h264.mp4", small + x264 + "bframes=3"},
                    Clip{"h264_open.mp4", small + x264 + "open-gop=1:b-pyramid=normal"},
                    Clip{"h264_open.ts", small + x264 + "open-gop=1"},
                    Clip{"h264_baseline.mkv", small + "-c:v libx264 -profile:v baseline"},
                    Clip{"h264_refs.mp4", small + x264 + "ref=8:b-adapt=2:weightp=2:slices=4"},
                    Clip{"h264_mbaff.mp4", small + "-vf setfield=tff -flags +ilme+ildct" + x264 + "interlaced=1"},
                    Clip{"h264_offset.mp4", small + x264 + "bframes=2 -output_ts_offset 3"},
                    Clip{"h264_vfr.mkv", small + "-vf 'select=not(mod(n\\,3)-1)' -fps_mode vfr" + x264 + "bframes=2"},
                    Clip{"h264_odd.mp4", "-f lavfi -i testsrc2=size=182x130:rate=25:duration=1" + x264 + "bframes=2"},
                    Clip{"h264_full.mp4",
                         small + "-pix_fmt yuvj420p -colorspace bt709 -color_primaries bt709 -color_trc bt709" + x264 +
                             "bframes=2"},
                    Clip{"hevc.mp4", small + x265}, Clip{"hevc_open.mkv", small + x265 + ":open-gop=1"},
                    Clip{"hevc_10.mp4", small + "-pix_fmt yuv420p10le" + x265},
                    Clip{"hevc_12.mp4", small + "-pix_fmt yuv420p12le" + x265},
                    Clip{"hevc_444.mp4", small + "-pix_fmt yuv444p" + x265},
                    Clip{"hevc_444_10.mp4", small + "-pix_fmt yuv444p10le" + x265},
                    Clip{"hevc_odd.ts", "-f lavfi -i testsrc2=size=202x154:rate=25:duration=1" + x265},
                    Clip{"vp8.webm", ""}, Clip{"vp9.webm", ""}, Clip{"vp9_odd.webm", ""}, Clip{"vp9_10bit.webm", ""}),
    name_of);

/// Mean of the squared differences of two frames' codes.
double mean_square(const Codes& a, const Codes& b) {
    double squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(a[i] - b[i], 2);
    return squares / static_cast<double>(a.size());
}

double psnr(double mean_square) { return mean_square > 0 ? 10 * std::log10(255.0 * 255.0 / mean_square) : INFINITY; }

// Whose inverse transforms are not exact by the standard: near, and the same frames. How near is said.
class GpuDecodeNear : public testing::TestWithParam<Clip> {};

TEST_P(GpuDecodeNear, IsNearTheCpu) {
    const std::string path = path_of(GetParam());
    Reading gpu(device::DeviceKind::cuda);
    Reading cpu(device::DeviceKind::host);
    ASSERT_EQ(why_not_on_gpu(*open_source({.path = path}), gpu.options()).value_or(""), "");
    const Decoded expected = cpu.read(path, {}, Keep::codes);
    const Decoded got = gpu.read(path, {}, Keep::codes);
    ASSERT_EQ(got.frames.size(), expected.frames.size());
    double worst = 0;
    for (std::size_t i = 0; i < got.frames.size(); ++i) {
        EXPECT_EQ(got.frames[i].pts, expected.frames[i].pts);
        ASSERT_EQ(got.codes[i].size(), expected.codes[i].size());
        const double error = mean_square(got.codes[i], expected.codes[i]);
        EXPECT_LT(error, 1.0) << "frame " << i;  // 48 dB
        worst = std::max(worst, error);
    }
    std::printf("%s: %zu frames, the worst has %.1f dB\n", GetParam().name.c_str(), got.frames.size(), psnr(worst));
}

const std::string field = "-vf setfield=tff -flags +ilme+ildct ";

INSTANTIATE_TEST_SUITE_P(
    Near, GpuDecodeNear,
    testing::Values(Clip{"mpeg1.mkv", ""}, Clip{"mpeg2.ts", ""}, Clip{"mpeg2_interlaced.ts", ""},
                    Clip{"mpeg1_b.mkv", small + "-g 12 -bf 2 -q:v 3 -c:v mpeg1video"},
                    Clip{"mpeg1_coarse.mkv", small + "-g 12 -bf 2 -q:v 20 -c:v mpeg1video"},
                    Clip{"mpeg2_b.ts", small + "-g 12 -bf 2 -q:v 3 -c:v mpeg2video"},
                    Clip{"mpeg2_intra_vlc.mkv",
                         small + "-g 12 -bf 2 -q:v 2 -dc 10 -intra_vlc 1 -non_linear_quant 1 -qmax 28 -c:v "
                                 "mpeg2video"},
                    Clip{"mpeg2_fields.ts", small + field + "-g 12 -bf 2 -q:v 3 -c:v mpeg2video"},
                    Clip{"mpeg2_hd.ts",
                         "-f lavfi -i testsrc2=size=1920x1080:rate=25:duration=0.6 -g 6 -bf 2 "
                         "-q:v 4 -c:v mpeg2video"},
                    Clip{"mpeg4_mv4.mp4", small + "-g 12 -q:v 3 -flags +mv4 -c:v mpeg4"},
                    Clip{"mpeg4_mpeg_quant.mkv", small + "-g 12 -q:v 5 -mpeg_quant 1 -c:v mpeg4"}),
    name_of);

/// SHA-256 of every frame as ffmpeg's framehash counts it: planes one after another, deep samples in two bytes.
std::vector<std::string> hashes_of(const Decoded& decoded) {
    std::vector<std::string> hashes;
    for (std::size_t i = 0; i < decoded.codes.size(); ++i) {
        std::string bytes;
        for (const std::uint16_t code : decoded.codes[i]) {
            bytes += static_cast<char>(code & 0xFFU);
            if (decoded.descs[i].format.depth > 8) bytes += static_cast<char>(code >> 8U);
        }
        hashes.push_back(core::sha256_of(bytes));
    }
    return hashes;
}

// A machine with a GPU need not have a decoder of AV1 on the CPU: libdav1d's frames are kept beside the clips.
TEST(GpuDecodeAv1, IsExactWhereTheChipHasIt) {
    for (const std::string name : {"av1.mp4", "av1_10bit.mkv"}) {
        SCOPED_TRACE(name);
        const std::string path = repository_file("tests/gpu/clips/" + name);
        Reading gpu(device::DeviceKind::cuda);
        if (const auto reason = why_not_on_gpu(*open_source({.path = path}), gpu.options())) {
            EXPECT_THAT(*reason, HasSubstr("av1 4:2:0"));
            std::printf("%s\n", reason->c_str());
            continue;
        }
        std::ifstream file(path + ".sha256");
        const std::vector<std::string> expected{std::istream_iterator<std::string>(file), {}};
        ASSERT_EQ(expected.size(), 25U);
        const Decoded got = gpu.read(path, {}, Keep::codes);
        EXPECT_EQ(hashes_of(got), expected);
        EXPECT_EQ(got.stats.decode_errors, 0);
    }
}

TEST(GpuDecodeFlags, AreTheCpus) {
    for (const Clip& clip :
         {Clip{"h264.mp4", small + x264 + "bframes=3"},
          Clip{"h264_mbaff.mp4", small + "-vf setfield=tff -flags +ilme+ildct" + x264 + "interlaced=1"}}) {
        SCOPED_TRACE(clip.name);
        const Decoded cpu = Reading(device::DeviceKind::host).read(path_of(clip));
        const Decoded gpu = Reading(device::DeviceKind::cuda).read(path_of(clip));
        ASSERT_EQ(gpu.flags.size(), cpu.flags.size());
        for (std::size_t i = 0; i < gpu.flags.size(); ++i) {
            EXPECT_EQ(gpu.flags[i].key, cpu.flags[i].key) << i;
            EXPECT_EQ(gpu.flags[i].interlaced, cpu.flags[i].interlaced) << i;
        }
    }
}

TEST(GpuDecodeSample, EqualsTheCpu) {
    const std::string path = repository_file("samples/bbb.mp4");
    expect_equal(Reading(device::DeviceKind::cuda).read(path), Reading(device::DeviceKind::host).read(path));
}

TEST(GpuDecodeRanges, GiveTheirPartOfTheWhole) {
    for (const Clip& clip : {Clip{"h264_open.mp4", small + x264 + "open-gop=1:b-pyramid=normal"},
                             Clip{"h264_open.ts", small + x264 + "open-gop=1"},
                             Clip{"hevc_open.mkv", small + x265 + ":open-gop=1"}, Clip{"vp9.webm", ""}}) {
        SCOPED_TRACE(clip.name);
        const std::string path = path_of(clip);
        const Decoded whole = Reading(device::DeviceKind::host).read(path);
        const SourceOptions source{.path = path};
        const PacketIndex index = build_index(*open_source(source));
        ASSERT_TRUE(index.segmentable());
        Reading gpu(device::DeviceKind::cuda);
        const auto reader = open_frame_reader(source, gpu.options(), index);
        const std::size_t n = whole.frames.size();
        for (const auto& [first, last] : std::vector<std::pair<std::size_t, std::size_t>>{
                 {n / 2, n / 2 + 4}, {5, 6}, {0, n / 3}, {n - 1, n}, {11, 14}, {12, n - 3}, {24, 26}}) {
            const FrameRange range{.begin = whole.frames[first].pts,
                                   .end = last < n ? whole.frames[last].pts : FrameRange{}.end};
            Decoded part;
            gpu.read(*reader, range, part);
            const auto begin = whole.frames.begin();
            EXPECT_EQ(part.frames, std::vector<Frame>(begin + static_cast<std::ptrdiff_t>(first),
                                                      begin + static_cast<std::ptrdiff_t>(last)))
                << first << " to " << last;
        }
        EXPECT_THAT(reader->stats().missing_pts, testing::IsEmpty());
    }
}

// The chip's own frames are the same wherever decoding begins.
TEST(GpuDecodeRanges, OfNearCodecsArePartsOfTheGpusWhole) {
    for (const Clip& clip : {Clip{"mpeg2.ts", ""}, Clip{"mpeg1.mkv", ""}}) {
        SCOPED_TRACE(clip.name);
        const std::string path = path_of(clip);
        const SourceOptions source{.path = path};
        const PacketIndex index = build_index(*open_source(source));
        ASSERT_TRUE(index.segmentable());
        Reading gpu(device::DeviceKind::cuda);
        const Decoded whole = gpu.read(path);
        const std::size_t n = whole.frames.size();
        const auto reader = open_frame_reader(source, gpu.options(), index);
        for (const auto& [first, last] :
             std::vector<std::pair<std::size_t, std::size_t>>{{n / 2, n - 1}, {3, 9}, {0, n / 3}, {11, 14}}) {
            Decoded part;
            gpu.read(*reader, {.begin = whole.frames[first].pts, .end = whole.frames[last].pts}, part);
            const auto begin = whole.frames.begin();
            EXPECT_EQ(part.frames, std::vector<Frame>(begin + static_cast<std::ptrdiff_t>(first),
                                                      begin + static_cast<std::ptrdiff_t>(last)))
                << first << " to " << last;
        }
    }
}

// Packets of raw streams have no times: the user's rate numbers the frames, in the order in which they are shown.
TEST(GpuDecodeCounted, NumbersTheFramesThatTheCpuGives) {
    for (const Clip& clip : {Clip{"raw.h264", small + x264 + "bframes=3"}, Clip{"raw.hevc", small + x265}}) {
        SCOPED_TRACE(clip.name);
        const SourceOptions source{.path = path_of(clip), .frame_rate = {24'000, 1'001}};
        const PacketIndex index = build_index(*open_source(source));
        const auto read = [&](device::DeviceKind kind) {
            Reading reading(kind);
            const auto reader = open_frame_reader(source, reading.options(), index);
            Decoded all;
            reading.read(*reader, {}, all);
            EXPECT_EQ(reader->stats().retimed_frames, 0);
            return all;
        };
        const Decoded gpu = read(device::DeviceKind::cuda);
        expect_equal(gpu, read(device::DeviceKind::host));
        ASSERT_EQ(gpu.frames.size(), 50U);
        for (std::size_t n = 0; n < gpu.frames.size(); ++n) EXPECT_EQ(gpu.frames[n].pts, static_cast<std::int64_t>(n));
    }
}

TEST(GpuDecodeSizes, FollowAStreamThatChanges) {
    const std::string a =
        make_clip("nvdec_a.ts", "-f lavfi -i testsrc2=size=192x128:rate=25:duration=1 -bf 2 -c:v libx264");
    const std::string b = make_clip(
        "nvdec_b.ts", "-f lavfi -i testsrc2=size=320x240:rate=25:duration=1 -bf 2 -c:v libx264 -output_ts_offset 1");
    const std::string path = temporary("nvdec_change.ts");
    run("cat '" + a + "' '" + b + "' '" + a + "' > '" + path + "'");
    expect_equal(Reading(device::DeviceKind::cuda).read(path), Reading(device::DeviceKind::host).read(path));
}

TEST(GpuDecodeLanes, DecodeSideBySide) {
    const std::string path = path_of({"h264_open.mp4", small + x264 + "open-gop=1:b-pyramid=normal"});
    const Decoded whole = Reading(device::DeviceKind::host).read(path);
    std::vector<Decoded> results(6);
    {
        std::vector<std::jthread> lanes;
        for (Decoded& result : results) {
            lanes.emplace_back([&result, &path] {
                Reading gpu(device::DeviceKind::cuda);
                for (int round = 0; round < 3; ++round) result = gpu.read(path);
            });
        }
    }
    for (const Decoded& result : results) expect_equal(result, whole);
}

TEST(GpuDecodeMemory, StaysWithinAnyBudget) {
    const std::string path = path_of({"h264.mp4", small + x264 + "bframes=3"});
    const std::size_t two_pictures = 2 * (std::size_t{256} * 192 * 3 / 2);
    expect_equal(Reading(device::DeviceKind::cuda, two_pictures).read(path),
                 Reading(device::DeviceKind::host).read(path));
}

TEST(GpuDecodePool, DecodersServeFileAfterFile) {
    const std::string small_path = path_of({"h264.mp4", small + x264 + "bframes=3"});
    const std::string other =
        make_clip("nvdec_pool.mp4", "-f lavfi -i testsrc2=size=320x240:rate=25:duration=1 -bf 2 -c:v libx264");
    nvidia::session_pool().clear();
    const nvidia::PoolCounts before = nvidia::session_pool().counts();
    Reading gpu(device::DeviceKind::cuda);
    Reading cpu(device::DeviceKind::host);
    const Decoded first = cpu.read(small_path);
    const Decoded second = cpu.read(other);
    for (int round = 0; round < 4; ++round) {
        expect_equal(gpu.read(small_path), first);
        expect_equal(gpu.read(other), second);
    }
    const nvidia::PoolCounts after = nvidia::session_pool().counts();
    EXPECT_LE(after.created - before.created, 2);  // they may need different numbers of surfaces
    EXPECT_EQ(
        (after.created + after.reused + after.reconfigured) - (before.created + before.reused + before.reconfigured),
        8);
}

TEST(GpuDecodeRefusal, SaysWhy) {
    Reading gpu(device::DeviceKind::cuda);
    const auto reason = [&](const Clip& clip) {
        return why_not_on_gpu(*open_source({.path = path_of(clip)}), gpu.options()).value_or("");
    };
    EXPECT_THAT(reason({"h264_422.mp4", small + "-pix_fmt yuv422p -c:v libx264"}), HasSubstr("h264 4:2:2 8-bit"));
    EXPECT_THAT(reason({"vp9_444.webm", ""}), HasSubstr("vp9 4:4:4 8-bit"));
    EXPECT_THAT(reason({"mpeg4.mp4", ""}), HasSubstr("Advanced Simple Profile may have B-frames"));
    EXPECT_EQ(reason({"jpeg.mkv", small + "-pix_fmt yuvj420p -c:v mjpeg"}), "NVDEC has no mjpeg");
    EXPECT_THAT(reason({"tiny.mp4", "-f lavfi -i testsrc2=size=16x16:rate=25:duration=0.2 -c:v libx264"}),
                HasSubstr("this is 16x16"));
}

std::string bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// Whatever a damaged file holds: frames are counted, times rise, the undamaged head is exact, and the device goes on.
TEST(GpuDecodeDamage, EndsNothing) {
    for (const Clip& clip :
         {Clip{"damage_h264.ts", small + x264 + "bframes=2"}, Clip{"damage_hevc.mkv", small + x265}}) {
        const std::string path = path_of(clip);
        const std::string whole = bytes_of(path);
        const Decoded clean = Reading(device::DeviceKind::host).read(path);
        for (unsigned seed = 0; seed < 8; ++seed) {
            SCOPED_TRACE(clip.name + ", seed " + std::to_string(seed));
            std::mt19937 random(seed);
            std::string bytes = whole;
            for (int flip = 0; flip < 12; ++flip) {
                const std::size_t at = bytes.size() / 2 + random() % (bytes.size() / 2);
                bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
            }
            if (seed % 4 == 3) bytes.resize(bytes.size() * 3 / 4);
            const std::string damaged = temporary("nvdec_seed_" + std::to_string(seed) + clip.name);
            std::ofstream(damaged, std::ios::binary) << bytes;
            const Decoded got = Reading(device::DeviceKind::cuda).read(damaged);
            const std::size_t accounted = got.frames.size() + got.stats.missing_pts.size();
            EXPECT_TRUE(!got.segmentable || accounted == got.expected) << accounted << " of " << got.expected;
            for (std::size_t i = 0; i < got.frames.size(); ++i) {
                EXPECT_TRUE(i == 0 || got.frames[i].pts > got.frames[i - 1].pts) << i;
                EXPECT_TRUE(i >= 15 || got.frames[i].hash == clean.frames[i].hash) << i;
            }
        }
        expect_equal(Reading(device::DeviceKind::cuda).read(path), clean);
    }
}

}  // namespace

}  // namespace millrace::media::test
