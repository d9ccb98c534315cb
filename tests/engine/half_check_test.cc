// How far float16 weights are from float32: the check's samples and its runs. Sessions run on the CPU
// here.

#include "engine/half_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>

#include "engine/output_checks.h"
#include "infer/graph/half.h"
#include "pipeline/model_io.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};

infer::ModelRequest request_for(const std::string& path) {
    infer::ModelRequest request;
    request.path = path;
    request.threads = 1;
    request.runtime_library = MILLRACE_ONNXRUNTIME_LIBRARY;
    return request;
}

std::string test_model(const char* name) { return std::string(MILLRACE_TEST_MODELS) + "/" + name; }

pipeline::ModelPlan plan_of(const infer::ModelRequest& request, infer::Size video) {
    pipeline::ModelPlan plan;
    plan.model = infer::describe_model(request);
    plan.frame = pipeline::frame_size(plan.model, video, pipeline::Evenness::any);
    plan.input = plan.frame;
    return plan;
}

OpenedInput sample_video() {
    InputOptions options;
    options.path = std::string(MILLRACE_SOURCE_DIR) + "/samples/bbb.mp4";
    return open_input(options, {});
}

TEST(HalfCheck, NeedsAModelAndAGpu) {
    Job job;
    EXPECT_NO_THROW(check_weights(job, {}));
    job.model.weights = ModelWeights::fp16;
    EXPECT_THAT(error_of([&] { check_weights(job, gpu); }).what(), HasSubstr("--fp16: there is no model"));
    job.model.path = "x.onnx";
    const core::Error on_cpu = error_of([&] { check_weights(job, {}); });
    EXPECT_EQ(on_cpu.code(), core::ErrorCode::usage);
    EXPECT_THAT(on_cpu.what(), AllOf(HasSubstr("--fp16: the CPU"), HasSubstr("--device cuda")));
    EXPECT_NO_THROW(check_weights(job, gpu));
}

TEST(HalfCheck, SamplesComeFromAllOverTheVideo) {
    const OpenedInput input = sample_video();
    const infer::Size size{input.video().picture.width, input.video().picture.height};
    const pipeline::ModelPlan plan = plan_of(request_for(test_model("window3_mean.onnx")), size);
    const Samples samples(input, decoder_options({}, input), plan);
    EXPECT_EQ(samples.text(), "4 frames");
    ASSERT_EQ(samples.entries().size(), 4U);
    EXPECT_EQ(samples.entries()[0].desc.byte_count(),
              std::size_t{9 * sizeof(float)} * static_cast<std::size_t>(size.width * size.height));
    EXPECT_NE(std::memcmp(samples.entries()[0].data, samples.entries()[3].data, 1U << 16U), 0);
}

TEST(HalfCheck, APipeIsNotReadForSamples) {
    OpenedInput input = sample_video();
    input.options.path = "-";
    const pipeline::ModelPlan plan = plan_of(request_for(test_model("identity.onnx")), {640, 360});
    const Samples samples(input, {}, plan);
    EXPECT_EQ(samples.text(), "2 test patterns");
    const std::span values(samples.entries()[0].as<float>(), 1000);
    EXPECT_LT(*std::ranges::min_element(values), 0.4F);
    EXPECT_GT(*std::ranges::max_element(values), 0.6F);
}

TEST(HalfCheck, ABatchGivesEachSampleItsOwnResult) {
    const OpenedInput input = sample_video();
    const infer::Size size{input.video().picture.width, input.video().picture.height};
    infer::ModelRequest request = request_for(test_model("conv_rf.onnx"));
    const pipeline::ModelPlan plan = plan_of(request, size);
    const Samples samples(input, decoder_options({}, input), plan);
    const auto one = run_samples(*infer::make_session(request, plan.model, plan.input), samples.entries());
    request.batch = 3;
    const auto batched =
        run_samples(*infer::make_session(request, infer::describe_model(request), plan.input), samples.entries());
    ASSERT_EQ(one.size(), 4U);
    ASSERT_EQ(batched.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(batched[i], one[i]) << i;
}

TEST(HalfCheck, AModelWithFloat16WeightsIsClose) {
    const OpenedInput input = sample_video();
    const infer::Size size{input.video().picture.width, input.video().picture.height};
    const infer::ModelRequest request = request_for(test_model("conv_rf.onnx"));
    const pipeline::ModelPlan plan = plan_of(request, size);
    const Samples samples(input, decoder_options({}, input), plan);
    const millrace::test::TemporaryFolder folder;
    const infer::ModelRequest half = request_for(folder / "half.onnx");
    std::ofstream(half.path, std::ios::binary) << infer::graph::file_to_half(request.path).bytes;
    const infer::Verdict verdict = infer::judge(
        plan.model, run_samples(*infer::make_session(request, plan.model, plan.input), samples.entries()),
        run_samples(*infer::make_session(half, infer::describe_model(half), plan.input), samples.entries()),
        "fp32 on " + samples.text());
    EXPECT_TRUE(verdict.close);
    EXPECT_THAT(verdict.text, HasSubstr("dB of PSNR against fp32 on 4 frames"));
}

}  // namespace
}  // namespace millrace::engine
