// What an engine is found by, and where one can be asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "engine/engine_session.h"
#include "support/error_of.h"
#include "support/fake_session.h"

namespace millrace::engine {
namespace {

using millrace::test::error_of;
using millrace::test::FakeEngines;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};
constexpr infer::Size video{640, 360};

TEST(EngineKey, IsOfEverythingThatAnEngineDependsOn) {
    FakeEngines engines;
    infer::ModelRequest request;
    infer::ModelDescription model = millrace::test::fake_model();
    const auto key = [&](infer::Size size, const char* runtime, const char* device) {
        return infer::engine_key({request, model, size}, engines, runtime, device);
    };
    const infer::EngineKey before = key(video, "ONNX Runtime 1.31.1", "NVIDIA H200 (sm_90)");
    EXPECT_EQ(before.at("engines"), "Stand-in 1.0");
    EXPECT_NE(key(video, "ONNX Runtime 1.31.2", "NVIDIA H200 (sm_90)"), before);
    EXPECT_NE(key(video, "ONNX Runtime 1.31.1", "NVIDIA H100 (sm_90)"), before);
    EXPECT_NE(key({640, 352}, "ONNX Runtime 1.31.1", "NVIDIA H200 (sm_90)"), before);
    const auto now = [&] { return key(video, "ONNX Runtime 1.31.1", "NVIDIA H200 (sm_90)"); };
    model.batch = 4;
    EXPECT_NE(now(), before);
    model.batch = 1;
    model.sha256 = "abd";
    EXPECT_NE(now(), before);
    model.sha256 = "abc";
    model.path = "folder/other.onnx";
    EXPECT_NE(now(), before);
    model.path = "folder/fake.onnx";
    EXPECT_EQ(now(), before);
    request.weights = infer::Weights::fp16;
    EXPECT_NE(now(), before);
}

TEST(CheckRuntime, NeedsAModelAGpuAndAFolder) {
    Job job;
    EXPECT_NO_THROW(check_runtime(job, {}));
    job.model.runtime = ModelRuntime::tensorrt;
    EXPECT_THAT(error_of([&] { check_runtime(job, gpu); }).what(), HasSubstr("--runtime tensorrt: there is no model"));
    job.model.path = "x.onnx";
    const core::Error on_cpu = error_of([&] { check_runtime(job, {}); });
    EXPECT_EQ(on_cpu.code(), core::ErrorCode::usage);
    EXPECT_THAT(on_cpu.what(), AllOf(HasSubstr("--runtime tensorrt: the CPU"), HasSubstr("--device cuda")));
    EXPECT_THAT(error_of([&] { check_runtime(job, gpu); }).what(), HasSubstr("--engine-cache"));
    job.model.engine_cache = "engines";
    EXPECT_NO_THROW(check_runtime(job, gpu));
    job.model.runtime = ModelRuntime::cuda;
    EXPECT_THAT(error_of([&] { check_runtime(job, {}); }).what(), HasSubstr("--runtime cuda: the CPU"));
    EXPECT_NO_THROW(check_runtime(job, gpu));
}

}  // namespace
}  // namespace millrace::engine
