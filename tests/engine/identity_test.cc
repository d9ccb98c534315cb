#include "engine/identity.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "engine/prepared.h"
#include "support/fake_session.h"
#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

class IdentityTest : public testing::Test {
  protected:
    IdentityTest() : path_(folder_ / "input.bin") {
        write_input("the input");
        prepared_.input = test::make_input({0, 1, 2}, {1, 25});
        prepared_.input.info.path = path_;
        prepared_.input.info.size_bytes = 9;
        prepared_.job.input.segments = {{0, {0, 3}, 0, 3}};
        prepared_.job.video.emplace();
        prepared_.job.video->encoder.threads = 4;
    }

    void write_input(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

    [[nodiscard]] pipeline::Identity now() const { return identify(job_, prepared_); }

    // Whether the identity differs after `change`.
    bool changes(const std::function<void()>& change) {
        const pipeline::Identity before = now();
        change();
        return now() != before;
    }

    millrace::test::TemporaryFolder folder_;
    std::string path_;
    Job job_;
    PreparedJob prepared_;
};

TEST_F(IdentityTest, WhatMayChangeABitChangesIt) {
    media::EncoderSettings& encoder = prepared_.job.video->encoder;
    EXPECT_TRUE(changes([&] { write_input("other one"); }));
    EXPECT_TRUE(changes([&] { prepared_.input.info.size_bytes = 10; }));
    EXPECT_TRUE(changes([&] { job_.input.video_stream = 1; }));
    EXPECT_TRUE(changes([&] { job_.input.decoder_threads = 3; }));
    EXPECT_TRUE(changes([&] { job_.input.rate = "25"; }));
    EXPECT_TRUE(changes([&] { job_.input.deinterlace = Deinterlacing::bwdif; }));
    EXPECT_TRUE(changes([&] { job_.input.on_corrupt = OnCorrupt::drop; }));
    EXPECT_TRUE(changes([&] { prepared_.job.input.segments[0].range.end = 2; }));
    EXPECT_TRUE(changes([&] { prepared_.job.input.frame_limit = 2; }));
    EXPECT_TRUE(changes([&] { prepared_.job.video->pts_shift = 1; }));
    EXPECT_TRUE(changes([&] { encoder.request.codec = "libx265"; }));
    EXPECT_TRUE(changes([&] { encoder.request.crf = 20; }));
    EXPECT_TRUE(changes([&] { encoder.request.crf = 20.5; }));
    EXPECT_TRUE(changes([&] { encoder.request.preset = "fast"; }));
    EXPECT_TRUE(changes([&] { encoder.request.bit_rate = 1'000'000; }));
    EXPECT_TRUE(changes([&] { encoder.request.options = {{"tune", "film"}}; }));
    EXPECT_TRUE(changes([&] { encoder.picture.width = 1280; }));
    EXPECT_TRUE(changes([&] { encoder.picture.format.depth = 10; }));
    EXPECT_TRUE(changes([&] { encoder.threads = 2; }));
    EXPECT_TRUE(changes([&] { prepared_.input.info.streams[0].picture.color.matrix = core::Matrix::bt2020_ncl; }));
}

TEST_F(IdentityTest, OnAGpuLibrariesAndDriverAreNamed) {
    prepared_.model = std::make_unique<LoadedModel>();
    prepared_.model->model.inputs.push_back({"input", {}});
    prepared_.model->model.outputs.push_back({"output", {}});
    prepared_.job.model.emplace();
    EXPECT_FALSE(now().contains("GPU libraries"));
    prepared_.devices = {{device::DeviceKind::cuda, 0}};
    EXPECT_FALSE(now().at("GPU driver").empty());
    const millrace::test::FakeWork work{.libraries = "cuDNN 9.19.0"};
    prepared_.model->sessions.push_back(
        std::make_unique<millrace::test::FakeSession>(millrace::test::fake_model(), infer::Size{4, 4}, work));
    EXPECT_EQ(now().at("GPU libraries"), "cuDNN 9.19.0") << "those of the session, not all that are loaded";
    EXPECT_EQ(now().at("--precision"), "automatic");
    EXPECT_TRUE(changes([&] { job_.model.precision = Precision::fp16; }));
    prepared_.model->runtime.version = "ONNX Runtime 1.31.1";
    EXPECT_EQ(now().at("--runtime"), "automatic");
    EXPECT_FALSE(now().contains("engine"));
    EXPECT_TRUE(changes([&] { job_.model.runtime = ModelRuntime::tensorrt; }));
    prepared_.model->engines = std::make_unique<millrace::test::FakeEngines>();
    EXPECT_EQ(now().at("runtime"), "ONNX Runtime 1.31.1") << "asked for, and without an engine in the end";
    const auto take = [&](const char* digest) {
        return [this, digest] { prepared_.model->engine = {infer::EngineStatus::ready, "folder", digest, {}}; };
    };
    EXPECT_TRUE(changes(take("0123")));
    EXPECT_EQ(now().at("runtime"), "ONNX Runtime 1.31.1, Stand-in 1.0");
    EXPECT_TRUE(changes(take("4567")));
}

TEST_F(IdentityTest, NvencsDriverIsNamed) {
    EXPECT_FALSE(now().contains("GPU driver"));
    prepared_.job.video->encoder.device = {device::DeviceKind::cuda, 0};
    EXPECT_FALSE(now().at("GPU driver").empty());
    EXPECT_FALSE(now().contains("GPU libraries"));
}

TEST_F(IdentityTest, LimitsAndAppearanceDoNot) {
    EXPECT_FALSE(changes([&] { job_.run.lanes = 7; }));
    EXPECT_FALSE(changes([&] { job_.run.memory = 1; }));
    EXPECT_FALSE(changes([&] { job_.run.trace = true; }));
    EXPECT_FALSE(changes([&] { job_.run.strictness = Strictness::strict; }));
    EXPECT_FALSE(changes([&] { prepared_.job.limits.lanes = 5; }));
    EXPECT_FALSE(changes([&] { job_.output.audio = Keep::no; }));  // copied when the segments are joined
}

TEST_F(IdentityTest, APipeHasNoFileToLookAt) {
    prepared_.input.options.path = "-";
    prepared_.input.info.path = "-";
    EXPECT_FALSE(now().contains("input"));
}

}  // namespace
}  // namespace millrace::engine
