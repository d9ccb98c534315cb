// Outputs that cannot be written, and what the user is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "clips.h"
#include "core/error.h"
#include "media/sink.h"
#include "output.h"
#include "support/error_of.h"

namespace millrace::media {
namespace {

using millrace::test::message_of;
using namespace test;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::HasSubstr;

Encoded few_frames(const std::string& codec) {
    EncoderRequest request;
    request.codec = codec;
    if (codec.starts_with("libx26")) request.preset = "ultrafast";
    return encode(resolve_encoder(request, small_input()), constant_times(10, 0, 512));
}

TEST(SinkErrors, UnknownExtensionNamesTheKnown) {
    for (const char* name : {"out.xyz", "out"}) {
        const std::string text =
            message_of(core::ErrorCode::usage, [&] { (void)open_sink({.path = temporary(name)}); });
        EXPECT_THAT(text, AllOf(HasSubstr(name), HasSubstr("mp4"), HasSubstr("mkv"), HasSubstr("webm")));
    }
}

TEST(SinkErrors, CodecThatTheContainerDoesNotHold) {
    const std::string path = temporary("wrong.webm");
    const std::string text =
        message_of(core::ErrorCode::usage, [&] { write_file({.path = path}, few_frames("libx264")); });
    EXPECT_THAT(text, AllOf(HasSubstr("wrong.webm"), HasSubstr("h264"), HasSubstr("mp4"), HasSubstr("mkv")));
    const ContainerCheck check = check_container({.path = path}, "h264");
    EXPECT_EQ(check.format, "webm");
    EXPECT_FALSE(check.holds_codec);
}

TEST(SinkErrors, TheTemporaryNameDoesNotDecide) {
    const std::string path = temporary("name.part");
    write_file({.path = path, .name = "final.mkv"}, few_frames("libx264"));
    EXPECT_EQ(probe(path, "format=format_name"), "\"matroska,webm\"");
    EXPECT_EQ(check_container({.path = "-"}, "h264").format, "matroska");
}

TEST(SinkErrors, FullDisk) {
    for (const char* format : {"mp4", "matroska", "mpegts"}) {
        const std::string text = message_of(core::ErrorCode::no_space, [&] {
            write_file(
                {.path = "/dev/full", .format = format, .fragmented = Fragmented::yes, .expected_bytes = 123'000'000},
                few_frames("libx264"));
        });
        EXPECT_THAT(text, AllOf(HasSubstr("/dev/full"), HasSubstr("the disk is full"), HasSubstr("about 123 MB more")));
    }
}

TEST(SinkErrors, FolderThatIsNotThereOrNotWritable) {
    const std::string text =
        message_of(core::ErrorCode::failed, [] { (void)open_sink({.path = temporary("nowhere") + "/out.mp4"}); });
    EXPECT_THAT(text, AllOf(HasSubstr("nowhere/out.mp4"), HasSubstr("there is no folder")));
    // /proc takes no files, from root neither.
    const std::string words = message_of(core::ErrorCode::failed, [] { (void)open_sink({.path = "/proc/out.mp4"}); });
    EXPECT_THAT(words, HasSubstr("/proc/out.mp4: cannot be made"));
}

TEST(SinkErrors, AviWithoutAFrameRate) {
    Encoded encoded = few_frames("mjpeg");
    encoded.settings.input.frame_rate = {0, 1};
    const std::string text =
        message_of(core::ErrorCode::usage, [&] { write_file({.path = temporary("varies.avi")}, encoded); });
    EXPECT_THAT(text, HasSubstr("constant frame rate"));
}

TEST(SinkImages, OneFileAFrame) {
    const std::string folder = temporary("images");
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    const std::string path = folder + "/frame-%04d.png";
    EXPECT_TRUE(check_container({.path = path}, "png").holds_codec);
    EXPECT_FALSE(check_container({.path = path}, "mjpeg").holds_codec);
    write_file({.path = path}, few_frames("png"));
    EXPECT_EQ(run("ls " + folder + " | wc -l"), "10\n");
    EXPECT_TRUE(std::filesystem::exists(folder + "/frame-0010.png"));
    EXPECT_EQ(probe(path, "stream=codec_name,nb_read_frames", "-count_frames"), "png,10");
    const std::string text =
        message_of(core::ErrorCode::usage, [&] { (void)open_sink({.path = folder + "/frame.png"}); });
    EXPECT_THAT(text, HasSubstr("%06d"));
    const std::string words =
        message_of(core::ErrorCode::usage, [&] { write_file({.path = path}, few_frames("libx264")); });
    EXPECT_THAT(words, HasSubstr("use -c:v png"));
}

TEST(SinkPipe, StandardOutputIsMatroska) {
    // A copy of ourselves would be heavy; the descriptor is what counts.
    const std::string path = temporary("stdout.mkv");
    const Encoded encoded = few_frames("libx264");
    std::fflush(stdout);
    const int saved = ::dup(STDOUT_FILENO);
    ASSERT_NE(std::freopen(path.c_str(), "w", stdout), nullptr);
    write_file({.path = "-"}, encoded);
    std::fflush(stdout);
    ::dup2(saved, STDOUT_FILENO);
    ::close(saved);
    EXPECT_EQ(probe(path, "format=format_name"), "\"matroska,webm\"");
    EXPECT_EQ(probe_frames(path).size(), 10U);
}

}  // namespace
}  // namespace millrace::media
