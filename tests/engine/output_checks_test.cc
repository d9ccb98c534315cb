#include "engine/output_checks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"
#include "engine/prepared.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

using millrace::test::message_of;

namespace fs = std::filesystem;

class OutputChecks : public testing::Test {
  protected:
    OutputChecks() {
        std::ofstream(folder_ + "/in.mp4") << "input";
        job_.input.path = folder_ + "/in.mp4";
    }

    // The message of the error for output `path`, which must be of kind `code`.
    std::string refusal(const std::string& path, core::ErrorCode code) {
        job_.output.path = path;
        return message_of(code, [this] { check_output(job_); });
    }

    millrace::test::TemporaryFolder temporary_;
    const std::string& folder_ = temporary_.path();
    Job job_;
};

TEST_F(OutputChecks, AFreshNameInAFolderIsFine) {
    job_.output.path = folder_ + "/out.mp4";
    EXPECT_NO_THROW(check_output(job_));
    job_.output.path = "-";
    EXPECT_NO_THROW(check_output(job_));
}

TEST_F(OutputChecks, NoOutputIsAskedFor) {
    EXPECT_NE(refusal("", core::ErrorCode::usage).find("-o"), std::string::npos);
}

TEST_F(OutputChecks, TheInputIsNeverTheOutputByWhateverName) {
    fs::create_symlink("in.mp4", folder_ + "/link.mp4");
    job_.run.overwrite = Overwrite::replace;
    for (const char* name : {"/in.mp4", "/./in.mp4", "/link.mp4"}) {
        EXPECT_NE(refusal(folder_ + name, core::ErrorCode::usage).find("same file"), std::string::npos) << name;
    }
}

TEST_F(OutputChecks, AnExistingFileNeedsLeave) {
    std::ofstream(folder_ + "/out.mp4") << "old";
    EXPECT_NE(refusal(folder_ + "/out.mp4", core::ErrorCode::usage).find("-y"), std::string::npos);
    job_.run.overwrite = Overwrite::replace;
    EXPECT_NO_THROW(check_output(job_));
}

TEST_F(OutputChecks, AFolderIsNoOutput) {
    EXPECT_NE(refusal(folder_, core::ErrorCode::usage).find("folder"), std::string::npos);
}

TEST_F(OutputChecks, TheFolderMustBeThere) {
    const std::string message = refusal(folder_ + "/none/out.mp4", core::ErrorCode::usage);
    EXPECT_NE(message.find(folder_ + "/none"), std::string::npos) << message;
}

TEST_F(OutputChecks, WorkLiesBesideTheOutputUnlessAskedFor) {
    job_.output.path = "a/out.mp4";
    EXPECT_EQ(work_folder(job_), "a/out.mp4.millrace");
    job_.work_folder = "/scratch/w";
    EXPECT_EQ(work_folder(job_), "/scratch/w");
}

TEST_F(OutputChecks, FilesGrowInTheWorkFolderPipesAndPatternsDoNot) {
    job_.output.path = "a/out.mp4";
    EXPECT_EQ(sink_options(job_, "w").path, "w/output.out.mp4");
    EXPECT_EQ(sink_options(job_, "w").name, "a/out.mp4");
    for (const char* path : {"-", "frames/%06d.png"}) {
        job_.output.path = path;
        EXPECT_EQ(sink_options(job_, "w").path, path);
    }
}

TEST(DefaultEncoder, FollowsTheContainer) {
    const auto encoder_of = [](const char* path) {
        OutputOptions options;
        options.path = path;
        return default_encoder(options);
    };
    EXPECT_EQ(encoder_of("out.mp4"), "libx264");
    EXPECT_EQ(encoder_of("out.mkv"), "libx264");
    EXPECT_EQ(encoder_of("-"), "libx264");
    EXPECT_EQ(encoder_of("out.webm"), "libvpx-vp9");
    EXPECT_EQ(encoder_of("out.265"), "libx265");
    EXPECT_EQ(encoder_of("out/%06d.png"), "png");
    EXPECT_EQ(encoder_of("out/%06d.jpg"), "mjpeg");
}

TEST(DecoderOptions, FollowFromInputAndSettingsAlone) {
    Job job;
    OpenedInput input = test::make_input({0, 1, 2}, {1, 25});
    EXPECT_EQ(decoder_options(job, input).threads, 4);  // one access point: one lane
    media::PacketIndex index = *input.index;
    index.access_points.push_back({100, 2, 2, 2});
    input.index = std::make_shared<const media::PacketIndex>(index);
    EXPECT_EQ(decoder_options(job, input).threads, 1);
    job.input.decoder_threads = 7;
    EXPECT_EQ(decoder_options(job, input).threads, 7);
}

TEST(NoFrames, SayWhetherTheFileOrTheSelectionIsEmpty) {
    const OpenedInput empty = test::make_input({}, {1, 25});
    (void)message_of(core::ErrorCode::bad_input, [&] { throw_no_frames({}, empty); });
    const OpenedInput full = test::make_input({0, 25, 50}, {1, 25});
    const std::string text = message_of(core::ErrorCode::usage, [&] { throw_no_frames({}, full); });
    EXPECT_NE(text.find("3 frames in 2.000 s"), std::string::npos) << text;
}

}  // namespace
}  // namespace millrace::engine
