// What of the way to TensorRT can be seen without it: options, and what is said about each part that is missing.

#include "infer/onnxruntime/tensorrt_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "infer/engine_runtime.h"
#include "infer/model_fixture.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

using namespace std::string_literals;
using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

constexpr device::DeviceId second_gpu{device::DeviceKind::cuda, 1};
constexpr const char* provider = "onnxruntime/capi/libonnxruntime_providers_tensorrt.so";
// As the strings of a provider's own file stand there.
const std::string names =
    "libonnxruntime_providers_shared.so\0libnvonnxparser.so.99\0libcudart.so.13\0libnvinfer.so.99\0libnvinfer.so.99"s;

/// A folder like that of Python's packages, with ONNX Runtime in it.
class TensorRtTest : public testing::Test {
  protected:
    TensorRtTest() {
        for (const char* folder : {"onnxruntime/capi", "tensorrt_libs", "nvidia/cu13/lib"}) {
            std::filesystem::create_directories(site_.path() / folder);
        }
        runtime_ = {"ONNX Runtime 1.31.1", site_.write("onnxruntime/capi/libonnxruntime.so.1.31.1", "")};
    }

    [[nodiscard]] std::string refusal(const std::vector<std::string>& providers = {"TensorrtExecutionProvider",
                                                                                   "CUDAExecutionProvider"}) const {
        const core::Error error = error_of([&] { (void)ort::find_tensorrt(runtime_, providers); });
        EXPECT_EQ(error.code(), core::ErrorCode::failed);
        EXPECT_THAT(error.what(), HasSubstr("leave out --runtime tensorrt"));
        return error.what();
    }

    TemporaryFolder site_;
    RuntimeInfo runtime_;
};

TEST_F(TensorRtTest, ARuntimeThatWasBuiltWithoutItSaysWhatToInstall) {
    EXPECT_THAT(refusal({"CUDAExecutionProvider", "CPUExecutionProvider"}),
                AllOf(HasSubstr("TensorRT is missing: ONNX Runtime 1.31.1 at " + runtime_.path),
                      HasSubstr(R"(`pip install "onnxruntime-gpu[cuda,cudnn]"`)"), HasSubstr("--ort-library")));
}

TEST_F(TensorRtTest, AMissingProviderIsNamed) {
    EXPECT_THAT(refusal(), AllOf(HasSubstr("libonnxruntime_providers_tensorrt.so"), HasSubstr(runtime_.path)));
    site_.write(provider, "no library at all");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("names no libnvinfer"), HasSubstr(provider)));
}

TEST_F(TensorRtTest, AMissingLibraryIsNamedWithThePlacesAndWhatToInstall) {
    site_.write(provider, names);
    const std::filesystem::path site = std::filesystem::canonical(site_.path());
    EXPECT_THAT(ort::tensorrt_libraries(site / provider), ElementsAre("libnvinfer.so.99", "libnvonnxparser.so.99"));
    EXPECT_THAT(refusal(), AllOf(HasSubstr("libonnxruntime_providers_tensorrt.so needs libnvinfer.so.99"),
                                 HasSubstr((site / "tensorrt_libs").string() + ", "),
                                 HasSubstr((site / "nvidia/cu13/lib").string() + ", "),
                                 HasSubstr("libnvinfer.so.99: cannot open shared object file"),
                                 HasSubstr(R"(`pip install "tensorrt==99.*"`)"), HasSubstr("LD_LIBRARY_PATH")));
}

TEST_F(TensorRtTest, ALibraryThatDoesNotLoadIsNamed) {
    site_.write(provider, names);
    site_.write("tensorrt_libs/libnvinfer.so.99", "not a library");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("tensorrt_libs ("), HasSubstr("file too short")));
    // Some library, which is found there.
    std::filesystem::remove(site_.path() / "tensorrt_libs/libnvinfer.so.99");
    const auto runtime = std::filesystem::canonical(MILLRACE_ONNXRUNTIME_LIBRARY).parent_path();
    std::filesystem::create_symlink(runtime / "libonnxruntime_providers_shared.so",
                                    site_.path() / "tensorrt_libs/libnvinfer.so.99");
    EXPECT_THAT(refusal(), HasSubstr("libnvinfer.so.99 is not TensorRT (it has no getInferLibVersion)"));
}

TEST_F(TensorRtTest, WhatIsThereSaysItsVersion) {
    site_.write(provider, names);
    for (const char* library : {"tensorrt_libs/libnvinfer.so.99", "nvidia/cu13/lib/libnvonnxparser.so.99"}) {
        EXPECT_THAT(refusal(), HasSubstr(std::filesystem::path(library).filename().string()));
        std::filesystem::create_symlink(MILLRACE_FAKE_NVINFER, site_.path() / library);
    }
    // Plugins are named in the provider too, and need not be there.
    site_.write(provider, names + "\0libnvinfer_plugin.so.99"s);
    EXPECT_EQ(ort::find_tensorrt(runtime_, {"TensorrtExecutionProvider"}), "TensorRT 10.13.3");
}

TEST(TensorRt, OfThisMachineIsMissing) {
    const core::Error error = error_of([] { (void)load_tensorrt(MILLRACE_ONNXRUNTIME_LIBRARY); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("TensorRT is missing: ONNX Runtime 1."), HasSubstr("libonnxruntime"),
                                    HasSubstr("was built without it")));
}

TEST(TensorRt, VersionsAreRead) {
    EXPECT_EQ(ort::tensorrt_version(101303), "10.13.3");
    EXPECT_EQ(ort::tensorrt_version(110000), "11.0.0");
    EXPECT_EQ(ort::tensorrt_version(8601), "8.6.1");
    EXPECT_THAT(ort::tensorrt_libraries("/nowhere"), IsEmpty());
}

TEST(TensorRt, OptionsSayDeviceFoldersAndPrecision) {
    const RuntimeChoice plain{.provider = Provider::tensorrt};
    EXPECT_THAT(
        ort::tensorrt_provider_options(second_gpu, 3000000000U, plain, "/cache/abc"),
        AllOf(Contains(Pair("device_id", "1")), Contains(Pair("trt_max_workspace_size", "3000000000")),
              Contains(Pair("trt_engine_cache_enable", "1")), Contains(Pair("trt_engine_cache_path", "/cache/abc")),
              Contains(Pair("trt_timing_cache_enable", "1")),
              Contains(Pair("trt_timing_cache_path", "/cache/abc/timings")), Contains(Pair("trt_fp16_enable", "0")),
              Contains(Pair("trt_force_sequential_engine_build", "1"))));
    const RuntimeChoice half{.provider = Provider::tensorrt, .weights = Weights::fp16};
    EXPECT_THAT(ort::tensorrt_provider_options(second_gpu, 0, half, "/cache/abc"),
                AllOf(Contains(Pair("trt_fp16_enable", "1")), Not(Contains(Key("trt_max_workspace_size"))),
                      // Graphs are captured by us, not by the runtime.
                      Not(Contains(Key("trt_cuda_graph_enable")))));
}

TEST(TensorRt, TheRuntimesOwnRefusalIsPassedOn) {
    (void)load_runtime(MILLRACE_ONNXRUNTIME_LIBRARY);
    Ort::SessionOptions session;
    const auto options = ort::tensorrt_provider_options(second_gpu, 0, {.provider = Provider::tensorrt}, "/cache/abc");
    const core::Error error = error_of([&] { ort::append_tensorrt_provider(session, options, {second_gpu, nullptr}); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(), HasSubstr("TensorRT provider does not start on cuda:1: TensorRT"));
}

}  // namespace
}  // namespace millrace::infer
