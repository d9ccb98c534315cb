// Fused layers on cuDNN against the same models on the CPU. For machines with a GPU: elsewhere these fail.
// gpu/model_rig.h says which models and libraries these take.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "core/half.h"
#include "gpu/model_rig.h"
#include "infer/engine_runtime.h"
#include "infer/fused/layer_table.h"
#include "infer/fused/layer_times.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace millrace::infer {
namespace {

using device::test::gpu;
using infer::test::against_cpu;
using infer::test::Bytes;
using infer::test::held;
using infer::test::made;
using infer::test::request_for;
using infer::test::Rig;
using infer::test::session_of;
using millrace::test::error_of;
using millrace::test::TemporaryFolder;
using testing::HasSubstr;

/// A request that runs the plans in `folder`, or chooses them.
ModelRequest fused(const std::string& path, int batch, const std::filesystem::path& folder) {
    const ModelRequest request = request_for(path, gpu, batch);
    return with_engine(request, *load_fused(request.runtime_library), folder);
}

// Weights and what lies between layers are rounded to 11 bits, sums are in float32. 50 dB is one part in 316.
TEST(GpuFused, PicturesAreThoseOfTheCpu) {
    for (const auto& [path, batch] : {std::pair{held("upscale2x.onnx"), 2}, {made("half.onnx"), 1}}) {
        for (const Size size : {Size{320, 180}, Size{97, 53}, Size{8, 8}}) {
            const TemporaryFolder plans;
            EXPECT_GT(against_cpu(fused(path, batch, plans.path()), size).decibels, 50) << path;
        }
    }
}

TEST(GpuFused, RunsAndSessionsWithOnePlanGiveTheSameBytes) {
    for (const std::string& path : {held("upscale2x.onnx"), made("half.onnx")}) {
        const TemporaryFolder plans;
        const ModelRequest request = fused(path, 2, plans.path());
        Rig rig;
        const auto chosen = session_of(request, {320, 180});
        const device::Tensor input = rig.input(chosen->input_descs().at(0), 1);
        const Bytes expected = rig.run(*chosen, input);
        // Captured, then repeated on the same memory with other values, then with these.
        (void)rig.run(*chosen, rig.input(chosen->input_descs().at(0), 2));
        EXPECT_EQ(rig.run(*chosen, input), expected);
        const auto loaded = session_of(request, {320, 180});
        EXPECT_EQ(to_string(loaded->report().choice), "fused");
        EXPECT_EQ(rig.run(*loaded, input), expected);
        std::cout << path << ": plans chosen in " << chosen->report().load_seconds << " s, loaded in "
                  << loaded->report().load_seconds << " s\n";
    }
}

TEST(GpuFused, APlaceInTheBatchChangesNothing) {
    const TemporaryFolder plans;
    const auto session = session_of(fused(made("half.onnx"), 4, plans.path()), {97, 53});
    Rig rig;
    const device::Tensor input = rig.input(session->input_descs().at(0), 1);
    for (std::int64_t i = 1; i < 4; ++i) {
        std::copy_n(input.at(0).data, input.at(0).desc.byte_count(), input.at(i).data);
    }
    const Bytes found = rig.run(*session, input);
    const std::size_t one = found.size() / 4;
    for (std::size_t i = 1; i < 4; ++i) {
        EXPECT_TRUE(std::equal(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(one),
                               found.begin() + static_cast<std::ptrdiff_t>(i * one)));
    }
}

TEST(GpuFused, EveryLayerIsTimedWhenPlansAreChosen) {
    const TemporaryFolder plans;
    const ModelRequest request = fused(held("upscale2x.onnx"), 1, plans.path());
    const auto session = session_of(request, {320, 180});
    const fused::LayerTable table =
        fused::layer_table(fused::lower_model(session->model(), {320, 180}, request.runtime_library));
    const std::vector<fused::LayerTime> times = fused::load_layer_times(plans.path());
    ASSERT_GE(times.size(), 3U);
    EXPECT_EQ(times.front().name, fused::taking_in);
    EXPECT_EQ(times.back().name, fused::giving_out);
    for (const fused::LayerTime& time : times) EXPECT_GT(time.seconds, 0) << time.name;
    std::size_t products = 0;
    for (const fused::LayerRow& row : table.rows) {
        const auto found = std::ranges::find(times, row.name, &fused::LayerTime::name);
        if (row.work.operations == 0) continue;
        ++products;
        ASSERT_NE(found, times.end()) << row.name;
        EXPECT_FALSE(found->plan.empty()) << row.name;
    }
    EXPECT_GT(products, 0U);
    // Who loads the plans times nothing.
    const std::filesystem::path file = std::filesystem::path(plans.path()) / timings / "layers.json";
    const auto before = std::filesystem::last_write_time(file);
    (void)session_of(request, {320, 180});
    EXPECT_EQ(std::filesystem::last_write_time(file), before);
}

TEST(GpuFused, WhatDoesNotFitTheBudgetIsRefused) {
    const TemporaryFolder plans;
    ModelRequest request = fused(held("upscale2x.onnx"), 1, plans.path());
    (void)session_of(request, {320, 180});
    const auto fits = [&] {
        try {
            (void)session_of(request, {320, 180});
            return true;
        } catch (const core::Error& error) {
            EXPECT_EQ(error.code(), core::ErrorCode::out_of_memory) << error.what();
            return false;
        }
    };
    // What lies between layers is too large, then that with the weights, where a pool alone would wait for ever.
    constexpr std::size_t enough = std::size_t{1} << 30U;
    int refused = 0;
    for (request.gpu_memory = std::size_t{1} << 16U; request.gpu_memory < enough && !fits(); ++refused) {
        request.gpu_memory += request.gpu_memory / 4;
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(request.gpu_memory, enough);
}

/// [N, 3, H, W] on the host as packed pixels, rounded to float16 where it is float32.
device::Tensor packed(device::BufferPool& pool, const device::Tensor& planes, const PackedPicture& to) {
    device::Tensor result = device::lease_tensor(pool, to.desc);
    std::fill_n(result.as<std::uint16_t>(), result.desc.element_count(), std::uint16_t{0});
    const std::int64_t area = planes.desc.shape[2] * planes.desc.shape[3];
    for (std::int64_t i = 0; i < planes.desc.element_count(); ++i) {
        const std::int64_t at = (i / area / 3 * area + i % area) * to.desc.shape[3] + i / area % 3;
        result.as<std::uint16_t>()[at] = planes.desc.dtype == core::DType::float16
                                             ? planes.as<std::uint16_t>()[i]
                                             : core::half_of_float(planes.as<float>()[i]);
    }
    return result;
}

/// The elements of packed pixels in the order of planes.
std::vector<std::uint16_t> unpacked(const std::uint16_t* from, const PackedPicture& packed) {
    const auto& shape = packed.desc.shape;
    const std::int64_t b = packed.block;
    std::vector<std::uint16_t> planes;
    for (std::int64_t n = 0; n < shape[0]; ++n) {
        for (std::int64_t c = 0; c < 3; ++c) {
            for (std::int64_t y = 0; y < shape[1] * b; ++y) {
                for (std::int64_t x = 0; x < shape[2] * b; ++x) {
                    const std::int64_t pixel = (n * shape[1] + y / b) * shape[2] + x / b;
                    planes.push_back(from[pixel * shape[3] + c * b * b + y % b * b + x % b]);
                }
            }
        }
    }
    return planes;
}

TEST(GpuFused, PackedPicturesGiveTheSameValues) {
    for (const std::string& path : {made("half.onnx"), made("denoise.onnx")}) {
        const TemporaryFolder plans;
        const auto session = session_of(fused(path, 2, plans.path()), {96, 54});
        const Borders borders = session->report().borders;
        ASSERT_TRUE(borders.input && borders.output) << path;
        Rig rig;
        const device::Tensor input = rig.input(session->input_descs().at(0), 1);
        const core::TensorDesc& desc = session->output_descs().at(0);
        const std::vector<double> expected = infer::test::values_of(desc, rig.run(*session, input));
        const device::Stream stream(gpu);
        // Again, as then it is a graph.
        for (int i = 0; i < 3; ++i) {
            std::vector<device::Tensor> inputs;
            inputs.push_back(device::copied(stream, rig.memory, packed(rig.host, input, *borders.input)));
            std::vector<device::Tensor> outputs;
            outputs.push_back(device::lease_tensor(rig.memory, borders.output->desc));
            session->run(session->stream(), {inputs, outputs});
            const device::Tensor down = device::copied(stream, rig.host, outputs[0]);
            device::synchronize(stream);
            const std::vector<std::uint16_t> found = unpacked(down.as<std::uint16_t>(), *borders.output);
            ASSERT_EQ(found.size(), expected.size());
            for (std::size_t k = 0; k < found.size(); ++k) {
                ASSERT_EQ(double{core::float_of_half(found[k])}, expected[k]) << path << ", element " << k;
            }
        }
        EXPECT_EQ(infer::test::values_of(desc, rig.run(*session, input)), expected) << "planes after packed ones";
    }
}

TEST(GpuFused, WhatCannotBeFusedIsNamed) {
    const TemporaryFolder plans;
    const ModelRequest request = fused(made("on_the_cpu.onnx"), 1, plans.path());
    EXPECT_THAT(error_of([&] { (void)session_of(request, {64, 48}); }).what(), HasSubstr("Unique"));
}

}  // namespace
}  // namespace millrace::infer
