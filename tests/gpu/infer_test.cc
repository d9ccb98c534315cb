// Models on a GPU against the same models on the CPU, in one runtime. For machines with a GPU: elsewhere these fail.
// gpu/model_rig.h says which models and libraries these take.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

#include "core/error.h"
#include "gpu/model_rig.h"
#include "gpu/support.h"
#include "infer/session.h"

namespace millrace::infer {
namespace {

using device::BufferPool;
using device::copied;
using device::Stream;
using device::Tensor;
using device::test::gpu;
using device::test::plenty;
using infer::test::against_cpu;
using infer::test::Bytes;
using infer::test::compare;
using infer::test::Difference;
using infer::test::held;
using infer::test::made;
using infer::test::request_for;
using infer::test::Rig;
using infer::test::session_of;
using infer::test::values_of;
using Tensors = std::vector<Tensor>;

// 24 bits of mantissa: sums of up to 288 products in 8 layers, in another order and by other algorithms (Winograd), err
// by 1e-5 or so. The bound is a quarter of a step of 8-bit video.
TEST(GpuInfer, FullPrecisionEqualsTheCpuWithinAQuarterOfACode) {
    const Difference picture = against_cpu(request_for(held("upscale2x.onnx"), gpu, 2), {320, 180});
    EXPECT_LT(picture.largest, 0.25 / 255);
    EXPECT_GT(picture.decibels, 80);
    EXPECT_LT(against_cpu(request_for(held("shot_change.onnx"), gpu, 4), {64, 36}).largest, 0.25 / 255);
}

// 11 bits of mantissa: each factor errs by at most 2^-11 of itself, sums of many such less. 50 dB is one part in 316.
TEST(GpuInfer, ReducedPrecisionIsAskedForAndCloseToTheCpu) {
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu);
    request.float_math = FloatMath::tf32;
    EXPECT_GT(against_cpu(request, {320, 180}).decibels, 50);
}

// The CPU computes in float32 between float16 tensors or all through, the GPU sums in float32: 4 layers of roundings by
// 2^-11. 40 dB is one part in 100.
TEST(GpuInfer, HalfPrecisionModelsRun) {
    EXPECT_GT(against_cpu(request_for(made("half.onnx"), gpu, 2), {96, 54}).decibels, 40);
}

// Weights rounded to 11 bits at load, sums in float32, results between layers rounded: 8 layers.
TEST(GpuInfer, Float16WeightsAreMadeAtLoadAndRepeated) {
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu, 2);
    request.weights = Weights::fp16;
    Rig rig;
    ModelRequest plain = request_for(held("upscale2x.onnx"), gpu, 2);
    const auto full = session_of(plain, {320, 180});
    const auto half = session_of(request, {320, 180});
    EXPECT_EQ(half->report().choice.weights, Weights::fp16);
    EXPECT_EQ(half->report().choice.math, FloatMath::tf32);
    EXPECT_TRUE(half->report().fallbacks.empty());
    EXPECT_EQ(half->input_descs(), full->input_descs());
    EXPECT_EQ(half->output_descs(), full->output_descs());
    const Tensor input = rig.input(full->input_descs().at(0), 6);
    const Bytes expected = rig.run(*full, input);
    const Bytes found = rig.run(*half, input);
    EXPECT_NE(found, expected);
    const double decibels = compare(full->output_descs().at(0), expected, found).decibels;
    std::cout << to_string(half->report().choice) << ": " << decibels << " dB against float32\n";
    EXPECT_GT(decibels, 50);
    plain.choice = parse_runtime_choice(to_string(half->report().choice));
    EXPECT_EQ(rig.run(*session_of(plain, {320, 180}), input), found);
}

TEST(GpuInfer, AChoiceThatIsRepeatedGivesTheSameBytesAndGraphsChangeNone) {
    Rig rig;
    for (const std::string& path : {held("upscale2x.onnx"), made("half.onnx")}) {
        for (const ConvLayout layout : {ConvLayout::nchw, ConvLayout::nhwc}) {
            std::optional<Bytes> expected;
            for (const Launch launch : {Launch::kernels, Launch::kernels, Launch::graph}) {
                ModelRequest request = request_for(path, gpu);
                request.choice = RuntimeChoice{Provider::cuda, layout, launch, FloatMath::tf32};
                const auto session = session_of(request, {160, 90});
                EXPECT_EQ(session->report().choice, *request.choice);
                EXPECT_TRUE(session->report().fallbacks.empty()) << session->report().fallbacks.at(0);
                const Tensor input = rig.input(session->input_descs().at(0), 3);
                // Captured, then repeated on the same memory with other values, then with these.
                const Bytes first = rig.run(*session, input);
                (void)rig.run(*session, rig.input(session->input_descs().at(0), 4));
                EXPECT_EQ(rig.run(*session, input), first) << to_string(*request.choice);
                if (!expected) expected = first;
                EXPECT_EQ(first, *expected) << to_string(*request.choice);
            }
        }
    }
}

// The runtime keeps handles a thread, and makes them in the thread's first run.
TEST(GpuInfer, GraphsAreCapturedInWhicheverThreadRuns) {
    for (const std::string& path : {held("upscale2x.onnx"), made("half.onnx")}) {
        Rig rig;
        ModelRequest request = request_for(path, gpu);
        request.choice = RuntimeChoice{Provider::cuda, ConvLayout::nchw, Launch::graph, FloatMath::tf32};
        const auto session = session_of(request, {160, 90});
        const Tensor input = rig.input(session->input_descs().at(0), 5);
        const Bytes expected = rig.run(*session, input);
        for (int thread = 0; thread < 3; ++thread) {
            std::thread([&] {
                for (int run = 0; run < 3; ++run) EXPECT_EQ(rig.run(*session, input), expected) << path;
            }).join();
        }
        std::thread([&] {
            const auto other = session_of(request, {160, 90});
            std::thread([&] { EXPECT_EQ(rig.run(*other, input), expected) << path; }).join();
        }).join();
    }
}

TEST(GpuInfer, WhatWasMeasuredCanBeRepeated) {
    Rig rig;
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu);
    const auto measured = session_of(request, {160, 90});
    request.choice = parse_runtime_choice(to_string(measured->report().choice));
    const auto repeated = session_of(request, {160, 90});
    EXPECT_EQ(repeated->report().choice, measured->report().choice);
    EXPECT_GT(repeated->report().first_run_seconds, 0);
    const Tensor input = rig.input(measured->input_descs().at(0), 5);
    EXPECT_EQ(rig.run(*repeated, input), rig.run(*measured, input));
}

TEST(GpuInfer, AChoiceOfAnotherDeviceIsRefused) {
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu);
    request.choice = RuntimeChoice{};
    try {
        (void)session_of(request, {160, 90});
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ErrorCode::usage);
        EXPECT_NE(std::string(error.what()).find("repeated as 'cpu'"), std::string::npos) << error.what();
    }
}

/// One piece of work that goes up, through the model and down on three streams.
struct InFlight {
    Tensor input;
    Tensor output;
};

// Nothing but timelines orders the upload, the model and the download, and memory is handed on while it is in use.
TEST(GpuInfer, TimelinesAloneOrderItsInputsAndOutputs) {
    Rig rig;
    const auto session = session_of(request_for(held("upscale2x.onnx"), gpu), {320, 180});
    constexpr unsigned kinds = 3;
    Tensors sources;
    std::vector<Bytes> expected;
    for (unsigned i = 0; i < kinds; ++i) {
        const Tensor input = rig.input(session->input_descs().at(0), 10 + i);
        expected.push_back(rig.run(*session, input));
        sources.push_back(device::lease_tensor(rig.pinned, input.desc));
        std::memcpy(sources.back().data, input.data, input.desc.byte_count());
    }
    const Stream up(gpu);
    const Stream down(gpu);
    std::vector<Tensor> results;
    for (unsigned i = 0; i < 30; ++i) {
        Tensors inputs;
        inputs.push_back(copied(up, rig.memory, sources[i % kinds]));
        Tensors outputs;
        outputs.push_back(device::lease_tensor(rig.memory, session->output_descs().at(0)));
        session->run(session->stream(), {inputs, outputs});
        results.push_back(copied(down, rig.pinned, outputs[0]));
    }
    device::synchronize(down);
    int right = 0;
    for (unsigned i = 0; i < 30; ++i) {
        const Bytes& want = expected[i % kinds];
        right += std::memcmp(results[i].data, want.data(), want.size()) == 0 ? 1 : 0;
    }
    EXPECT_EQ(right, 30);
}

TEST(GpuInfer, TwoSessionsRunSideBySide) {
    Rig rig;
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu);
    const auto one = session_of(request, {320, 180});
    request.choice = one->report().choice;
    const auto two = session_of(request, {320, 180});
    ASSERT_FALSE(one->stream() == two->stream());
    const Tensor first = rig.input(one->input_descs().at(0), 20);
    const Tensor second = rig.input(one->input_descs().at(0), 21);
    const Bytes expected_first = rig.run(*one, first);
    const Bytes expected_second = rig.run(*one, second);
    const Stream copies(gpu);
    Tensors inputs;
    inputs.push_back(copied(copies, rig.memory, first));
    Tensors others;
    others.push_back(copied(copies, rig.memory, second));
    std::vector<Tensors> of_one(20);
    std::vector<Tensors> of_two(20);
    for (std::size_t i = 0; i < of_one.size(); ++i) {
        of_one[i].push_back(device::lease_tensor(rig.memory, one->output_descs().at(0)));
        of_two[i].push_back(device::lease_tensor(rig.memory, two->output_descs().at(0)));
        one->run(one->stream(), {inputs, of_one[i]});
        two->run(two->stream(), {others, of_two[i]});
    }
    int right = 0;
    for (std::size_t i = 0; i < of_one.size(); ++i) {
        const Tensor down = copied(copies, rig.host, of_one[i][0]);
        const Tensor other_down = copied(copies, rig.host, of_two[i][0]);
        device::synchronize(copies);
        right += std::memcmp(down.data, expected_first.data(), expected_first.size()) == 0 ? 1 : 0;
        right += std::memcmp(other_down.data, expected_second.data(), expected_second.size()) == 0 ? 1 : 0;
    }
    EXPECT_EQ(right, 40);
}

TEST(GpuInfer, AModelThatDoesNotFitItsBudgetNamesTheOption) {
    ModelRequest request = request_for(held("upscale2x.onnx"), gpu, 2);
    request.gpu_memory = std::size_t{1} << 20U;
    try {
        (void)session_of(request, {640, 360});
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ErrorCode::out_of_memory);
        EXPECT_NE(std::string(error.what()).find("does not fit 1048576 bytes"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("--gpu-memory"), std::string::npos) << error.what();
    }
    request.gpu_memory = std::size_t{2} << 30U;
    EXPECT_NE(session_of(request, {640, 360}), nullptr) << "the device must still work";
}

TEST(GpuInfer, NodesThatStayOnTheCpuAreToldAndRight) {
    const ModelRequest request = request_for(made("on_the_cpu.onnx"), gpu);
    const std::vector<std::string> fallbacks = session_of(request, {64, 48})->report().fallbacks;
    ASSERT_EQ(fallbacks.size(), 1U);
    EXPECT_NE(fallbacks[0].find("leaves 1 node (Unique) to the CPU"), std::string::npos) << fallbacks[0];
    EXPECT_LT(against_cpu(request, {64, 48}).largest, 1e-3);
}

}  // namespace
}  // namespace millrace::infer
