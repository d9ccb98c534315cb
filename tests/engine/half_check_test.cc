// How far float16 weights are from float32: the check's samples and its runs. Sessions run on the CPU
// here.

#include "engine/half_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <span>

#include "core/sha256.h"
#include "engine/first_session.h"
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
    EXPECT_NO_THROW(check_precision(job, {}));
    job.model.precision = Precision::fp16;
    EXPECT_THAT(error_of([&] { check_precision(job, gpu); }).what(), HasSubstr("--precision fp16: there is no model"));
    job.model.path = "x.onnx";
    const core::Error on_cpu = error_of([&] { check_precision(job, {}); });
    EXPECT_EQ(on_cpu.code(), core::ErrorCode::usage);
    EXPECT_THAT(on_cpu.what(), AllOf(HasSubstr("--precision fp16: the CPU"), HasSubstr("--device cuda")));
    EXPECT_NO_THROW(check_precision(job, gpu));
    job.model.precision = Precision::tf32;
    EXPECT_EQ(error_of([&] { check_precision(job, {}); }).code(), core::ErrorCode::usage);
    job.model.precision = Precision::fp32;
    EXPECT_NO_THROW(check_precision(job, {}));
}

TEST(HalfCheck, IsNotAskedOfARuntimeThatHasNoSuchPrecision) {
    using enum Precision;
    const auto refused = [](ModelRuntime runtime, Precision precision) {
        Job job;
        job.model.path = "x.onnx";
        job.model.runtime = runtime;
        job.model.precision = precision;
        try {
            check_precision(job, gpu);
        } catch (const core::Error& error) {
            EXPECT_EQ(error.code(), core::ErrorCode::usage);
            EXPECT_THAT(error.what(), HasSubstr("--runtime"));
            return true;
        }
        return false;
    };
    for (const ModelRuntime runtime :
         {ModelRuntime::automatic, ModelRuntime::cuda, ModelRuntime::tensorrt, ModelRuntime::fused}) {
        for (const Precision precision : {Precision::automatic, fp32, tf32, fp16}) {
            const bool no_fused = runtime == ModelRuntime::fused && (precision == fp32 || precision == tf32);
            const bool no_engine = runtime == ModelRuntime::tensorrt && precision == tf32;
            EXPECT_EQ(refused(runtime, precision), no_fused || no_engine)
                << static_cast<int>(runtime) << " " << static_cast<int>(precision);
        }
    }
}

TEST(HalfCheck, APrecisionIsWhatRuntimesAreAsked) {
    const auto asked = [](Precision precision, device::DeviceId device, const infer::ModelDescription& model) {
        infer::ModelRequest request;
        set_precision(request, model, precision, device);
        return std::pair(request.weights == infer::Weights::fp16, request.float_math == infer::FloatMath::tf32);
    };
    infer::ModelDescription model;
    EXPECT_EQ(asked(Precision::fp32, gpu, model), std::pair(false, false));
    EXPECT_EQ(asked(Precision::tf32, gpu, model), std::pair(false, true));
    EXPECT_EQ(asked(Precision::fp16, gpu, model), std::pair(true, false));
    EXPECT_EQ(asked(Precision::automatic, gpu, model), std::pair(true, false));
    EXPECT_EQ(asked(Precision::automatic, {}, model), std::pair(false, false));
    model.states = {{0, 0}};
    EXPECT_EQ(asked(Precision::automatic, gpu, model), std::pair(false, false)) << "errors may add up";
    EXPECT_EQ(asked(Precision::fp16, gpu, model), std::pair(true, false));
    model.states.clear();
    model.dtype = core::DType::float16;
    EXPECT_EQ(asked(Precision::automatic, gpu, model), std::pair(false, false)) << "it is float16 already";
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

// A share of half a percent needs 200 frames. The sample has fewer, and they take much memory at its size.
TEST(HalfCheck, OfAClassifierManyFramesAreSeenEachOnce) {
    const OpenedInput input = sample_video();
    const infer::Size size{input.video().picture.width, input.video().picture.height};
    const pipeline::ModelPlan plan = plan_of(request_for(test_model("mean_rgb.onnx")), size);
    ASSERT_TRUE(infer::is_classifier(plan.model));
    const Samples samples(input, decoder_options({}, input), plan);
    const std::size_t count = samples.entries().size();
    EXPECT_EQ(samples.text(), fmt::format("{} frames", count));
    EXPECT_GE(count, 5U);
    EXPECT_LE(count, (std::size_t{256} << 20U) / samples.entries()[0].desc.byte_count());
    std::set<std::string> seen;
    for (const device::Tensor& entry : samples.entries()) {
        seen.insert(core::sha256_of({entry.as<char>(), entry.desc.byte_count()}));
    }
    EXPECT_EQ(seen.size(), count);
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
