// Each encoder by name makes streams that ffmpeg decodes whole, in each container that holds them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>

#include "clips.h"
#include "media/sink.h"
#include "output.h"

namespace millrace::media {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

struct CodecCase {
    std::string codec;
    std::vector<std::string> containers;
    core::PictureDesc picture = yuv_desc(128, 72);
    std::vector<std::pair<std::string, std::string>> options = {};
    std::string preset = {};
};

std::ostream& operator<<(std::ostream& out, const CodecCase& test) { return out << test.codec; }

EncoderSettings settings_of(const CodecCase& test) {
    EncoderRequest request;
    request.codec = test.codec;
    request.options = test.options;
    request.preset = test.preset;
    EncoderInput input = small_input();
    input.picture = test.picture;
    return resolve_encoder(request, input);
}

class EncoderCodecs : public testing::TestWithParam<CodecCase> {};

TEST_P(EncoderCodecs, EveryFrameDecodesInEveryContainer) {
    constexpr int frames = 30;
    const CodecCase& test = GetParam();
    const std::vector<std::int64_t> times = constant_times(frames, 0, 512);
    const EncoderSettings settings = settings_of(test);
    const Encoded encoded = encode(settings, times);
    ASSERT_EQ(encoded.packets.size(), static_cast<std::size_t>(frames));
    for (const Packet& packet : encoded.packets) EXPECT_EQ(packet.duration, 512);
    for (const std::string& container : test.containers) {
        SCOPED_TRACE(container);
        const std::string path =
            temporary("codec_" + test.codec + "_" + std::to_string(test.picture.format.depth) + "." + container);
        const ContainerCheck check = check_container({.path = path}, encoded.stream.codec);
        EXPECT_TRUE(check.holds_codec);
        EXPECT_THAT(check.alternatives, testing::Contains(container == "m4v" ? "mp4" : container));
        for (const CopyNote& note : write_file({.path = path}, encoded)) EXPECT_FALSE(note.loss) << note.text;
        EXPECT_EQ(decode_errors(path), "");
        EXPECT_TRUE(container != "avi" || probe(path, "format=duration") == "1.200000");
        EXPECT_EQ(probe_frames(path).size(), static_cast<std::size_t>(frames));
        const std::string shape = std::to_string(test.picture.width) + "," + std::to_string(test.picture.height);
        EXPECT_THAT(probe(path, "stream=width,height"), testing::StartsWith(shape));
    }
}

TEST_P(EncoderCodecs, TwoInstancesWriteTheSame) {
    const EncoderSettings settings = settings_of(GetParam());
    EXPECT_TRUE(settings.deterministic);
    const std::vector<std::int64_t> times = constant_times(20, 0, 512);
    const Encoded first = encode(settings, times);
    const Encoded second = encode(settings, times);
    EXPECT_EQ(first.stream.extradata, second.stream.extradata);
    ASSERT_EQ(first.packets.size(), second.packets.size());
    for (std::size_t i = 0; i < first.packets.size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(first.packets[i].data, second.packets[i].data)) << "packet " << i;
        EXPECT_EQ(first.packets[i].pts, second.packets[i].pts);
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, EncoderCodecs,
    testing::Values(
        CodecCase{.codec = "libx264", .containers = {"mp4", "m4v", "mov", "mkv", "ts", "h264"}, .preset = "veryfast"},
        CodecCase{.codec = "libx264", .containers = {"avi"}, .options = {{"bf", "0"}}, .preset = "veryfast"},
        CodecCase{
            .codec = "libx264", .containers = {"mp4", "mkv"}, .picture = yuv_desc(128, 72, 10), .preset = "ultrafast"},
        CodecCase{.codec = "libx265", .containers = {"mp4", "mov", "mkv", "ts", "hevc"}, .preset = "ultrafast"},
        CodecCase{.codec = "libx265",
                  .containers = {"mp4", "mkv"},
                  .picture = yuv_desc(128, 72, 12, 1, 0),
                  .preset = "ultrafast"},
        CodecCase{.codec = "libsvtav1", .containers = {"mp4", "mkv", "webm"}, .preset = "10"},
        CodecCase{.codec = "libsvtav1", .containers = {"mp4"}, .picture = yuv_desc(128, 72, 10), .preset = "10"},
        CodecCase{.codec = "libvpx-vp9",
                  .containers = {"mp4", "mkv", "webm"},
                  .options = {{"deadline", "good"}, {"cpu-used", "4"}}},
        CodecCase{.codec = "libvpx-vp9",
                  .containers = {"webm"},
                  .picture = yuv_desc(128, 72, 12, 0, 0),
                  .options = {{"cpu-used", "5"}}},
        CodecCase{.codec = "prores_ks", .containers = {"mov", "mkv"}, .picture = yuv_desc(128, 72, 10, 1, 0)},
        CodecCase{.codec = "ffv1", .containers = {"mkv", "avi"}, .picture = yuv_desc(127, 71)},
        CodecCase{.codec = "ffv1", .containers = {"mkv"}, .picture = yuv_desc(128, 72, 12)},
        CodecCase{.codec = "mjpeg", .containers = {"mp4", "mov", "mkv", "avi"}},
        CodecCase{.codec = "png", .containers = {"mov", "avi"}}),
    [](const auto& param) {
        std::string name = param.param.codec + "_" + std::to_string(param.index);
        std::ranges::replace(name, '-', '_');
        return name;
    });

TEST(EncoderLossless, Ffv1AndPngGiveBackEverySample) {
    for (const std::uint8_t depth : {std::uint8_t{8}, std::uint8_t{10}, std::uint8_t{12}}) {
        CodecCase test{.codec = "png", .containers = {}};
        test.picture = yuv_desc(65, 33, depth, 0, 0);
        test.picture.format.family = core::ColorFamily::rgb;
        test.picture.color.matrix = core::Matrix::identity;
        test.picture.color.range = core::Range::full;
        for (const char* codec : {"png", "ffv1"}) {
            test.codec = codec;
            const EncoderSettings settings = settings_of(test);
            EXPECT_EQ(settings.picture.format, test.picture.format);
            const std::string path = temporary(std::string("lossless_") + codec + std::to_string(depth) +
                                               (test.codec == "png" ? ".mov" : ".mkv"));
            write_file({.path = path}, encode(settings, constant_times(2, 0, 512)));
            // Our samples, as raw planes of gbrp (stored G, B, R) or, deeper, of the same at 16 bits.
            const device::Picture picture = draw(test.picture, 1, 0, 1);
            std::string expected;
            for (const std::size_t plane : {std::size_t{1}, std::size_t{2}, std::size_t{0}}) {
                for (int y = 0; y < 33; ++y) {
                    const auto& view = picture.planes.at(plane);
                    expected.append(reinterpret_cast<const char*>(view.data + y * view.pitch), depth > 8 ? 130 : 65);
                }
            }
            const std::string raw = temporary("lossless.raw");
            run(fmt::format(
                "ffmpeg -v error -y -i {} -vf trim=start_frame=1 -sws_flags accurate_rnd -pix_fmt {} -f rawvideo {}",
                path, core::name(test.picture.format), raw));
            const std::string decoded = run("cat " + raw);
            ASSERT_EQ(decoded.size(), expected.size()) << codec << int{depth};
            EXPECT_EQ(std::memcmp(decoded.data(), expected.data(), expected.size()), 0) << codec << int{depth};
        }
    }
}

}  // namespace
}  // namespace millrace::media
