// What of the way to a GPU can be seen without one: messages, options, choices. The judge is the runtime itself.

#include "infer/onnxruntime/cuda_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "infer/model_fixture.h"
#include "infer/onnxruntime/placement.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/runtime_choice.h"
#include "infer/session.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

constexpr device::DeviceId second_gpu{device::DeviceKind::cuda, 1};

TEST(RuntimeChoice, AllChoicesComeBackFromTheirText) {
    EXPECT_EQ(to_string(RuntimeChoice{}), "cpu");
    EXPECT_EQ(parse_runtime_choice("cpu"), RuntimeChoice{});
    EXPECT_EQ(parse_runtime_choice("fused"), RuntimeChoice{.provider = Provider::fused});
    EXPECT_EQ(to_string(RuntimeChoice{.provider = Provider::fused}), "fused");
    int seen = 0;
    for (const ConvLayout layout : {ConvLayout::nchw, ConvLayout::nhwc}) {
        for (const Launch launch : {Launch::kernels, Launch::graph}) {
            for (const FloatMath math : {FloatMath::full, FloatMath::tf32}) {
                for (const ConvSearch search : {ConvSearch::heuristic, ConvSearch::exhaustive}) {
                    for (const Weights weights : {Weights::as_is, Weights::fp16}) {
                        const RuntimeChoice choice{Provider::cuda, layout, launch, math, search, weights};
                        EXPECT_EQ(parse_runtime_choice(to_string(choice)), choice) << to_string(choice);
                        ++seen;
                    }
                }
            }
        }
    }
    EXPECT_EQ(seen, 32);
    for (const Weights weights : {Weights::as_is, Weights::fp16}) {
        const RuntimeChoice choice{.provider = Provider::tensorrt, .weights = weights};
        EXPECT_EQ(to_string(choice), weights == Weights::fp16 ? "tensorrt/fp16" : "tensorrt");
        EXPECT_EQ(parse_runtime_choice(to_string(choice)), choice);
    }
    EXPECT_EQ(to_string(RuntimeChoice{Provider::cuda, ConvLayout::nhwc, Launch::graph, FloatMath::tf32,
                                      ConvSearch::exhaustive}),
              "cuda/nhwc/graph/tf32/exhaustive");
    EXPECT_EQ(to_string(RuntimeChoice{Provider::cuda, ConvLayout::nchw, Launch::kernels, FloatMath::tf32,
                                      ConvSearch::heuristic, Weights::fp16}),
              "cuda/nchw/kernels/tf32/heuristic/fp16");
}

TEST(RuntimeChoice, RefusesWhatItDidNotWrite) {
    for (const char* text : {"", "gpu", "cuda", "cuda/nhwc", "cuda/nhwc/kernels/full", "cuda/nhwc/kernels/full/",
                             "cuda/nhwc/kernels/full/heuristic/", "cuda/nhwc/kernels/full/heuristic/fp16/",
                             "cuda/nhwc/kernels/full/heuristic/half", "cuda/nhwc/kernels/half/heuristic", "cpu/nhwc",
                             "tensorrt/", "tensorrt/half", "tensorrt/fp16/", "tensorrt/nhwc"}) {
        const core::Error error = error_of([text] { (void)parse_runtime_choice(text); });
        EXPECT_EQ(error.code(), core::ErrorCode::bad_input) << text;
        EXPECT_THAT(error.what(),
                    AllOf(HasSubstr("'" + std::string(text) + "'"), HasSubstr("cuda/nhwc/kernels/full/heuristic")));
    }
}

TEST(CudaProvider, OptionsSayDeviceBudgetAndChoice) {
    const RuntimeChoice plain{Provider::cuda};
    EXPECT_THAT(ort::cuda_provider_options(second_gpu, 3000000000U, plain),
                AllOf(Contains(Pair("device_id", "1")), Contains(Pair("gpu_mem_limit", "3000000000")),
                      Contains(Pair("arena_extend_strategy", "kSameAsRequested")), Contains(Pair("prefer_nhwc", "0")),
                      Contains(Pair("use_tf32", "0")), Contains(Pair("cudnn_conv_algo_search", "HEURISTIC"))));
    const RuntimeChoice other{Provider::cuda, ConvLayout::nhwc, Launch::graph, FloatMath::tf32, ConvSearch::exhaustive};
    EXPECT_THAT(ort::cuda_provider_options(second_gpu, 0, other),
                AllOf(Contains(Pair("prefer_nhwc", "1")), Contains(Pair("use_tf32", "1")),
                      Contains(Pair("cudnn_conv_algo_search", "EXHAUSTIVE")), Not(Contains(Key("gpu_mem_limit"))),
                      // Graphs are captured by us, not by the runtime.
                      Not(Contains(Key("enable_cuda_graph")))));
}

TEST(CudaProvider, ARuntimeWithoutCudaSaysWhatToInstall) {
    ModelRequest request = test_request("conv_rf.onnx");
    const ModelDescription model = describe_model(request);
    request.device = second_gpu;
    const core::Error error = error_of([&] { (void)make_session(request, model, {32, 18}); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("ONNX Runtime 1."), HasSubstr("libonnxruntime"), HasSubstr("was built without CUDA"),
                      HasSubstr(R"(`pip install "onnxruntime-gpu[cuda,cudnn]"`)"), HasSubstr("--ort-library")));
}

TEST(CudaProvider, TheRuntimesOwnRefusalIsPassedOnWithoutItsSourceLines) {
    (void)load_runtime(MILLRACE_ONNXRUNTIME_LIBRARY);
    Ort::SessionOptions session;
    const auto options = ort::cuda_provider_options(second_gpu, 0, {Provider::cuda});
    const core::Error error = error_of([&] { ort::append_cuda_provider(session, options, {second_gpu, nullptr}); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("CUDA provider does not start on cuda:1: CUDA execution provider is not "
                                              "enabled in this build"),
                                    HasSubstr("LD_LIBRARY_PATH")));
}

TEST(CudaProvider, FailuresSayWhatToDo) {
    const auto refusal = [](const std::string& reason, std::size_t memory) {
        return error_of(
            [&] { ort::refuse_cuda(Ort::Exception(std::string(reason), ORT_FAIL), "model x.onnx", memory); });
    };
    const core::Error full = refusal(
        "BFCArena::AllocateRawInternal Available memory of 1000 is smaller than requested "
        "bytes of 2000.\n",
        5000);
    EXPECT_EQ(full.code(), core::ErrorCode::out_of_memory);
    EXPECT_STREQ(full.what(),
                 "model x.onnx: it does not fit 5000 bytes (BFCArena::AllocateRawInternal Available memory "
                 "of 1000 is smaller than requested bytes of 2000); raise --gpu-memory, or lower the batch "
                 "or the tile");
    EXPECT_THAT(refusal("CUDA failure 2: out of memory", 0).what(), HasSubstr("does not fit the device's memory"));
    for (const char* reason :
         {"CUDA failure 2: out of memory", "Failed to allocate memory for requested buffer of size 64",
          "CUDNN failure 4000: CUDNN_STATUS_ALLOC_FAILED", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
          "CUDA error cudaErrorMemoryAllocation:out of memory", "cuMemCreate: CUDA_ERROR_OUT_OF_MEMORY"}) {
        EXPECT_EQ(refusal(reason, 0).code(), core::ErrorCode::out_of_memory) << reason;
    }
    // As ONNX Runtime 1.31.1 for CUDA 13 says it on a machine without CUDA.
    const core::Error missing = refusal(
        "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& "
        "onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
        "/x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such "
        "file or directory\n",
        0);
    EXPECT_EQ(missing.code(), core::ErrorCode::failed);
    EXPECT_THAT(missing.what(),
                AllOf(HasSubstr("model x.onnx: Failed to load library /x/libonnxruntime_providers_cuda.so with error: "
                                "libcublasLt.so.13: cannot open"),
                      HasSubstr("install CUDA 13 and cuDNN 9")));
    // Its source's place and its own expression are left out.
    EXPECT_STREQ(
        refusal("CUDA failure 700: illegal ; GPU=0 ; hostname=vm ; file=/x.cc ; line=70 ; expr=f();\n", 0).what(),
        "model x.onnx: CUDA failure 700: illegal");
    EXPECT_EQ(refusal("CUDA failure 700: an illegal memory access was encountered", 0).code(), core::ErrorCode::failed);
    EXPECT_EQ(refusal("Input channels C is not equal to kernel channels", 0).code(), core::ErrorCode::bad_input);
}

TEST(CudaProvider, FindsThePackagesBesideTheRuntime) {
    const TemporaryFolder site;
    for (const char* folder : {"onnxruntime/capi", "nvidia/cudnn/lib", "nvidia/cu13/lib", "nvidia/cu13/include"}) {
        std::filesystem::create_directories(site.path() / folder);
    }
    const std::string library = site.path() / "onnxruntime/capi/libonnxruntime.so.1.31.1";
    site.write("onnxruntime/capi/libonnxruntime.so.1.31.1", "");
    const std::filesystem::path nvidia = std::filesystem::canonical(site.path()) / "nvidia";
    EXPECT_THAT(ort::package_folders(library), ElementsAre(nvidia / "cu13/lib", nvidia / "cudnn/lib"));
    EXPECT_TRUE(ort::package_folders("/nowhere/onnxruntime/capi/libonnxruntime.so").empty());
}

/// Nodes of a convolution with a ReLU behind it, after the runtime's fusions.
std::string nodes_after_fusion(const RuntimeChoice& choice) {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "relu.onnx";
    run_python(
        "import numpy as np, onnx\n"
        "from onnx import helper as h, numpy_helper as n, TensorProto as T\n"
        "io = lambda name: h.make_tensor_value_info(name, T.FLOAT, [1, 3, 8, 8])\n"
        "g = h.make_graph([h.make_node('Conv', ['input', 'w'], ['c']), h.make_node('Relu', ['c'], ['output'])], "
        "'relu',\n"
        "    [io('input')], [io('output')], [n.from_array(np.ones((3, 3, 1, 1), np.float32), 'w')])\n"
        "onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=8), '" +
        path + "')\n");
    Ort::Env& environment = ort::environment(MILLRACE_ONNXRUNTIME_LIBRARY);
    ort::Placement placement;
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.SetGraphOptimizationLevel(ORT_ENABLE_EXTENDED);
    ort::add_choice(options, choice);
    placement.listen(options);
    const Ort::Session session(environment, path.c_str(), options);
    return placement.on_cpu();
}

// The fusion is one for all providers, so the CPU's shows whether the runtime knows it by the name that we give.
TEST(CudaProvider, ConvolutionsAreNotFusedWhereDataIsNchw) {
    EXPECT_EQ(nodes_after_fusion({Provider::cuda, ConvLayout::nhwc}), "1 node (all of them)");
    EXPECT_EQ(nodes_after_fusion({Provider::cuda, ConvLayout::nchw}), "2 nodes (all of them x 2)");
}

TEST(Placement, CountsTheNodesOnTheCpu) {
    ort::Placement placement;
    EXPECT_EQ(placement.on_cpu(), "");
    // As session_state.cc of ONNX Runtime 1.19 to 1.31 writes it.
    for (const char* line :
         {"Node placements", " Node(s) placed on [CPUExecutionProvider]. Number of nodes: 3", "  NonZero (find)",
          "  Loop (steps)", "  NonZero (again)", " Node(s) placed on [CUDAExecutionProvider]. Number of nodes: 2",
          "  Conv (conv0)", "  MemcpyToHost (Memcpy)", "Use DeviceBasedPartition as default", "  Relu (elsewhere)"}) {
        placement.read(line);
    }
    EXPECT_EQ(placement.on_cpu(), "3 nodes (Loop, NonZero x 2)");
    EXPECT_EQ(placement.on_cuda(), "2 nodes (Conv, MemcpyToHost)");
    placement.forget();
    EXPECT_EQ(placement.on_cpu(), "");
    placement.read("All nodes placed on [CUDAExecutionProvider]. Number of nodes: 5");
    EXPECT_EQ(placement.on_cpu(), "");
    EXPECT_EQ(placement.on_cuda(), "5 nodes (all of them x 5)");
}

TEST(Session, ReportsHowItRunsAndWhenItRanFirst) {
    const ModelRequest request = test_request("identity.onnx");
    const auto session = make_session(request, describe_model(request), {8, 4});
    EXPECT_EQ(session->stream(), device::host_stream());
    EXPECT_EQ(session->report().choice, RuntimeChoice{});
    EXPECT_TRUE(session->report().fallbacks.empty());
    EXPECT_GT(session->report().load_seconds, 0);
    EXPECT_EQ(session->report().first_run_seconds, 0);
    const auto inputs = lease_all(session->input_descs());
    auto outputs = lease_all(session->output_descs());
    session->run(session->stream(), {inputs, outputs});
    EXPECT_GT(session->report().first_run_seconds, 0);
}

}  // namespace
}  // namespace millrace::infer
