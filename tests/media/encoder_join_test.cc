// Segments encoded apart and joined: all frames play, headers agree, and nothing is lost in quality before a join.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "clips.h"
#include "media/sink.h"
#include "output.h"

namespace millrace::media {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

EncoderSettings settings_of(const std::string& codec, const std::string& preset, const EncoderInput& input) {
    EncoderRequest request;
    request.codec = codec;
    request.preset = preset;
    return resolve_encoder(request, input);
}

/// Encode in segments that begin at `starts`, each with its context behind a forced key frame whose packets are
/// dropped.
Encoded encode_joined(const EncoderSettings& settings, const std::vector<std::int64_t>& times,
                      const std::vector<int>& starts) {
    const int frames = static_cast<int>(times.size()) - 1;
    Encoded all{.settings = settings, .stream = {}, .packets = {}};
    for (std::size_t s = 0; s < starts.size(); ++s) {
        const int end = s + 1 < starts.size() ? starts[s + 1] : frames;
        const int context_end = std::min(frames, end + settings.context_frames);
        Encoded part = encode_range(settings, times, starts[s], context_end, {end});
        EXPECT_TRUE(s == 0 || part.stream.extradata == all.stream.extradata);
        all.stream = part.stream;
        EXPECT_TRUE(part.packets.front().key);
        for (Packet& packet : part.packets) {
            const bool own = packet.pts < times[static_cast<std::size_t>(end)];
            if (own) all.packets.push_back(std::move(packet));
        }
    }
    set_dts(all.packets);
    return all;
}

std::size_t bytes_of(const Encoded& encoded) {
    std::size_t bytes = 0;
    for (const Packet& packet : encoded.packets) bytes += packet.data.size();
    return bytes;
}

/// Luma and chroma PSNR of each frame of `path` against the drawn pictures in `reference`, by ffmpeg.
std::vector<double> psnr_of(const std::string& path, const std::string& reference) {
    const std::string stats = path + ".psnr";  // tests run side by side
    run("ffmpeg -v error -i " + path + " -i " + reference + " -lavfi psnr=stats_file=" + stats + " -f null -");
    std::istringstream in(run("cat " + stats));
    std::vector<double> out;
    for (std::string line; std::getline(in, line);) {
        const std::size_t at = line.find("psnr_avg:");
        if (at != std::string::npos) out.push_back(std::stod(line.substr(at + 9)));
    }
    return out;
}

TEST(EncoderJoin, VariableFrameRateAcrossTheJoin) {
    for (const char* codec : {"libx264", "libx265", "libvpx-vp9", "libsvtav1"}) {
        SCOPED_TRACE(codec);
        EncoderInput input = small_input();
        input.timing = FrameTiming::variable;
        const std::string_view name(codec);
        const std::string preset = name.starts_with("libx26") ? "veryfast" : name == "libsvtav1" ? "10" : "";
        const EncoderSettings settings = settings_of(codec, preset, input);
        const std::vector<std::int64_t> times = variable_times(60, 0, 512);
        const Encoded joined = encode_joined(settings, times, {0, 23, 41});
        ASSERT_EQ(joined.packets.size(), 60U);
        const std::string path = temporary(std::string("join_") + codec + ".mp4");
        write_file({.path = path}, joined);
        EXPECT_EQ(decode_errors(path), "");
        const std::vector<ProbedFrame> frames = probe_frames(path);
        ASSERT_EQ(frames.size(), 60U);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            EXPECT_EQ(core::rescale(frames[i].pts, {1, 12800}, input.time_base), times[i]) << i;
        }
        EXPECT_EQ(frames[23].type, "I");
        EXPECT_EQ(frames[41].type, "I");
        const double seconds = std::stod(probe(path, "format=duration"));
        EXPECT_NEAR(seconds, core::to_seconds(times.back(), input.time_base), 0.0001);
    }
}

TEST(EncoderJoin, ForcedKeyFramesCloseTheGroup) {
    for (const char* codec : {"libx264", "libx265"}) {
        const EncoderSettings settings = settings_of(codec, "veryfast", small_input());
        const Encoded encoded = encode(settings, constant_times(40, 0, 512), {20});
        bool seen = false;
        for (const Packet& packet : encoded.packets) {
            seen = seen || packet.pts == 20LL * 512;
            EXPECT_EQ(packet.pts >= 20LL * 512, seen) << "a frame crosses the forced key frame";
            EXPECT_TRUE(packet.pts != 20LL * 512 || packet.key);
        }
    }
}

struct QualityCase {
    const char* codec;
    const char* preset;
};

std::ostream& operator<<(std::ostream& out, const QualityCase& test) { return out << test.codec << ' ' << test.preset; }

class JoinQuality : public testing::TestWithParam<QualityCase> {};

TEST_P(JoinQuality, LastFramesBeforeAJoinAreAsGoodAsOneInstance) {
    const QualityCase test = GetParam();
    EncoderInput input = small_input();
    input.picture = yuv_desc(320, 180);
    const EncoderSettings settings = settings_of(test.codec, test.preset, input);
    ASSERT_GT(settings.context_frames, 0);
    constexpr int frames = 180;
    const std::vector<int> starts{0, 60, 120};
    const std::vector<std::int64_t> times = constant_times(frames, 0, 512);
    const Encoded whole = encode(settings, times, {60, 120});
    const Encoded joined = encode_joined(settings, times, starts);
    const std::string reference = temporary("join_reference.mkv");
    EncoderRequest lossless;
    lossless.codec = "ffv1";
    write_file({.path = reference}, encode(resolve_encoder(lossless, input), times));
    const std::string name = std::string("join_quality_") + test.codec + test.preset;
    write_file({.path = temporary(name + "_whole.mp4")}, whole);
    write_file({.path = temporary(name + "_joined.mp4")}, joined);
    const std::vector<double> before = psnr_of(temporary(name + "_whole.mp4"), reference);
    const std::vector<double> after = psnr_of(temporary(name + "_joined.mp4"), reference);
    ASSERT_EQ(before.size(), static_cast<std::size_t>(frames));
    ASSERT_EQ(after.size(), static_cast<std::size_t>(frames));
    double worst = 0;
    for (const int join : {60, 120}) {
        for (int i = join - 6; i < join; ++i) {
            const auto at = static_cast<std::size_t>(i);
            EXPECT_GT(after[at], before[at] - 0.3) << "frame " << i;
            worst = std::max(worst, before[at] - after[at]);
        }
    }
    const double size = static_cast<double>(bytes_of(joined)) / static_cast<double>(bytes_of(whole));
    EXPECT_NEAR(size, 1, 0.02);
    RecordProperty("worst_loss_millibel", static_cast<int>(worst * 100));
    std::printf("  %s %s: at most %.3f dB lost in the six frames before a join, size %.4f\n", test.codec, test.preset,
                worst, size);
}

INSTANTIATE_TEST_SUITE_P(All, JoinQuality,
                         testing::Values(QualityCase{"libx264", "medium"}, QualityCase{"libx264", "veryfast"},
                                         QualityCase{"libx265", "medium"}),
                         [](const auto& param) { return std::string(param.param.codec) + "_" + param.param.preset; });

}  // namespace
}  // namespace millrace::media
