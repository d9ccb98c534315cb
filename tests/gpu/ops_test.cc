// The ops on a GPU give the host's bytes: the same random cases that check the kernels' code on the host, and the
// formats that NVDEC delivers at video's sizes.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "gpu/ops_bench.h"
#include "ops/formula.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

using device::copied;
using device::test::first_difference;
using device::test::gpu;

void check_to_tensor(Bench& bench, const TensorCase& c, Rows rows, std::mt19937& random) {
    const Canvas canvas = make_canvas(bench.host, c.input, rows);
    fill(canvas, random);
    const ToTensor op(c.input, c.spec, c.resize);
    const device::Tensor expected = device::lease_tensor(bench.host, op.output());
    op.run(device::host_stream(), canvas.picture, expected);
    const Canvas picture = on_gpu(bench, canvas, rows);
    const device::Tensor ours = slot(bench.memory, op.output(), static_cast<std::int64_t>(random() % 2));
    op.run(bench.stream, picture.picture, ours);
    const device::Tensor back = copied(bench.stream, bench.host, ours);
    device::synchronize(bench.stream);
    ASSERT_EQ(first_difference(expected, back), -1) << describe(c);
}

TEST(GpuOps, ToTensorGivesTheHostsBytes) {
    Bench bench;
    std::mt19937 random(31);
    for (int i = 0; i < 2000; ++i) {
        check_to_tensor(bench, any_tensor_case(random), i % 4 == 0 ? Rows::loose : Rows::aligned, random);
        if (HasFatalFailure()) return;
    }
}

void check_to_picture(Bench& bench, const PictureCase& c, Rows rows, std::mt19937& random) {
    const device::Tensor tensor = device::lease_tensor(bench.host, tensor_desc(c));
    fill(tensor, random, random() % 3 == 0 ? 7 : 0);
    const Canvas expected = make_canvas(bench.host, c.output, rows);
    fill(expected, random);
    const Canvas picture = on_gpu(bench, expected, rows);
    std::optional<Canvas> source;
    std::optional<Canvas> source_on_gpu;
    if (c.chroma) {
        source = make_canvas(bench.host, *c.chroma, rows);
        fill(*source, random);
        source_on_gpu = on_gpu(bench, *source, rows);
    }
    device::synchronize(bench.stream);
    const ToPicture host_op(c.spec, c.tensor_width, c.tensor_height, c.output);
    const ToPicture op(c.spec, c.tensor_width, c.tensor_height, c.output);
    host_op.run(device::host_stream(), tensor, source ? &source->picture : nullptr, expected.picture);
    const device::Tensor elements = slot(bench.memory, tensor.desc, static_cast<std::int64_t>(random() % 2));
    device::copy(bench.stream, tensor, elements);
    op.run(bench.stream, elements, source_on_gpu ? &source_on_gpu->picture : nullptr, picture.picture);
    const device::Tensor back = copied(bench.stream, bench.host, picture.block);
    device::synchronize(bench.stream);
    ASSERT_EQ(first_difference(expected.block, back), -1) << describe(c);
    ASSERT_EQ(op.nan_count(), host_op.nan_count()) << describe(c);
}

TEST(GpuOps, ToPictureGivesTheHostsBytesAndNanCounts) {
    Bench bench;
    std::mt19937 random(32);
    for (int i = 0; i < 2000; ++i) {
        check_to_picture(bench, any_picture_case(random), i % 4 == 0 ? Rows::loose : Rows::aligned, random);
        if (HasFatalFailure()) return;
    }
}

// A few of the same, for tools that slow everything down a hundred times.
TEST(GpuSample, BothWays) {
    Bench bench;
    std::mt19937 random(39);
    for (int i = 0; i < 120; ++i) {
        const Rows rows = i % 4 == 0 ? Rows::loose : Rows::aligned;
        check_to_tensor(bench, any_tensor_case(random), rows, random);
        check_to_picture(bench, any_picture_case(random), rows, random);
        if (HasFatalFailure()) return;
    }
}

struct Surface {
    int depth;
    Subsampling sub;
    core::Packing packing;
    core::Alignment alignment;
};

// What NVDEC delivers (NV12; P016 with 10 or 12 bits high; planar 4:4:4 of 8 bits, or of 16 with the bits high), and
// the commonest of the CPU decoders.
constexpr std::array surfaces{
    Surface{8, {1, 1}, core::Packing::semi_planar, core::Alignment::low},
    Surface{10, {1, 1}, core::Packing::semi_planar, core::Alignment::high},
    Surface{12, {1, 1}, core::Packing::semi_planar, core::Alignment::high},
    Surface{8, {0, 0}, core::Packing::planar, core::Alignment::low},
    Surface{10, {0, 0}, core::Packing::planar, core::Alignment::high},
    Surface{8, {1, 1}, core::Packing::planar, core::Alignment::low},
};

TEST(GpuOps, VideoSizesBothWays) {
    Bench bench;
    std::mt19937 random(33);
    for (const auto [width, height] : {std::array{1920, 1080}, std::array{854, 480}}) {
        for (const Surface& surface : surfaces) {
            core::PictureDesc desc = yuv_desc(width, height, surface.depth, surface.sub);
            desc.format.packing = surface.packing;
            desc.format.alignment = surface.alignment;
            TensorSpec spec;
            spec.dtype = random() % 2 == 0 ? core::DType::float16 : core::DType::float32;
            check_to_tensor(bench, {desc, spec, std::nullopt}, Rows::aligned, random);
            check_to_picture(bench, {spec, width, height, desc, std::nullopt}, Rows::aligned, random);
            if (HasFatalFailure()) return;
        }
    }
}

TEST(GpuOps, ResizesOfVideo) {
    Bench bench;
    std::mt19937 random(34);
    const core::PictureDesc desc = yuv_desc(1920, 1080, 8, {1, 1});
    TensorSpec spec;
    spec.dtype = core::DType::float16;
    for (const Filter filter : {Filter::bilinear, Filter::bicubic, Filter::area}) {
        for (const Fit fit : {Fit::stretch, Fit::letterbox, Fit::crop}) {
            check_to_tensor(bench, {desc, spec, ResizeSpec{224, 224, fit, filter}}, Rows::aligned, random);
        }
        // So small that one tile would need more shared memory than there is; and larger than the picture.
        check_to_tensor(bench, {desc, spec, ResizeSpec{2, 3, Fit::stretch, filter}}, Rows::aligned, random);
        check_to_tensor(bench, {yuv_desc(320, 180, 8, {1, 1}), spec, ResizeSpec{1280, 720, Fit::stretch, filter}},
                        Rows::aligned, random);
        if (HasFatalFailure()) return;
    }
}

// All sizes go through one kernel, whose limit of shared memory belongs to all threads.
TEST(GpuOps, ResizesToManySizesAtOnceOnManyThreads) {
    Bench bench;
    std::mt19937 random(37);
    const core::PictureDesc desc = yuv_desc(1920, 1080, 8, {1, 1});
    const Canvas canvas = make_canvas(bench.host, desc, Rows::aligned);
    fill(canvas, random);
    const Canvas picture = on_gpu(bench, canvas, Rows::aligned);
    const auto lane = [&](int size) -> std::string {
        try {
            const device::Stream stream(gpu);
            const ToTensor op(desc, {}, ResizeSpec{size, size, Fit::stretch, Filter::bilinear});
            const device::Tensor expected = device::lease_tensor(bench.host, op.output());
            op.run(device::host_stream(), canvas.picture, expected);
            const device::Tensor ours = device::lease_tensor(bench.memory, op.output());
            for (int i = 0; i < 100; ++i) op.run(stream, picture.picture, ours);
            const device::Tensor back = copied(stream, bench.host, ours);
            device::synchronize(stream);
            return first_difference(expected, back) == -1 ? "" : "other bytes";
        } catch (const core::Error& error) {
            return error.what();
        }
    };
    constexpr std::array sizes{48, 96, 160, 224, 448, 900};
    std::array<std::string, sizes.size()> failures;
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            threads.emplace_back([&, i] { failures.at(i) = lane(sizes.at(i)); });
        }
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(failures.at(i), "") << sizes.at(i);
}

// The GPU's own conversions to float16 and back, at every rounding and every pattern.
TEST(GpuOps, EveryFloat16IsReadAndWrittenAsOnTheHost) {
    Bench bench;
    std::mt19937 random(35);
    core::PictureDesc gray = yuv_desc(256, 16, 8, {0, 0});
    gray.format.family = core::ColorFamily::gray;
    gray.color.range = core::Range::full;
    for (int exponent = -26; exponent <= 17; ++exponent) {
        TensorSpec spec;
        spec.dtype = core::DType::float16;
        spec.channels = Channels::luma;
        spec.white = std::ldexp(1.37F, exponent);
        check_to_tensor(bench, {gray, spec, std::nullopt}, Rows::aligned, random);
        if (HasFatalFailure()) return;
    }
    gray.height = 256;
    TensorSpec spec;
    spec.dtype = core::DType::float16;
    spec.channels = Channels::luma;
    const device::Tensor all = device::lease_tensor(bench.pinned, {core::DType::float16, {1, 256, 256}});
    for (int i = 0; i < 65536; ++i) all.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(i);
    const ToPicture op(spec, 256, 256, gray);
    const Canvas expected = make_canvas(bench.pinned, gray, Rows::aligned);
    op.run(device::host_stream(), all, nullptr, expected.picture);
    EXPECT_EQ(op.nan_count(), 2 * 1023);
    const device::Tensor elements = copied(bench.stream, bench.memory, all);
    const Canvas picture = make_canvas(bench.memory, gray, Rows::aligned);
    op.run(bench.stream, elements, nullptr, picture.picture);
    const device::Tensor back = copied(bench.stream, bench.pinned, picture.block);
    device::synchronize(bench.stream);
    EXPECT_EQ(first_difference(expected.block, back), -1);
    EXPECT_EQ(op.nan_count(), 2 * 2 * 1023) << "host and GPU together";
}

TEST(GpuOps, NanOfManyRunsOnManyStreamsAddUp) {
    Bench bench;
    core::PictureDesc desc = yuv_desc(1280, 720, 8, {1, 1});
    const ToPicture op({}, desc.width, desc.height, desc);
    const device::Tensor host = device::lease_tensor(bench.pinned, {core::DType::float32, {3, 720, 1280}});
    for (std::int64_t i = 0; i < host.desc.element_count(); ++i) host.as<float>()[i] = i % 5 == 0 ? NAN : 0.5F;
    const device::Tensor tensor = copied(bench.stream, bench.memory, host);
    std::vector<device::Stream> streams;
    std::vector<device::Picture> pictures;
    for (int i = 0; i < 4; ++i) {
        streams.emplace_back(gpu);
        pictures.push_back(device::lease_picture(bench.memory, desc));
    }
    for (int i = 0; i < 20; ++i) {
        const auto at = static_cast<std::size_t>(i % 4);
        EXPECT_EQ(op.run(streams[at], tensor, nullptr, pictures[at]).nan_count, 0);
    }
    for (const device::Stream& stream : streams) device::synchronize(stream);
    EXPECT_EQ(op.nan_count(), 20 * (3 * 1280 * 720 / 5));
}

// Host memory that a GPU copies into: the host's op waits for the copy by itself.
TEST(GpuOps, TheHostsVersionWaitsForTheCopyDown) {
    Bench bench;
    std::mt19937 random(36);
    const core::PictureDesc desc = yuv_desc(1920, 1080, 8, {1, 1});
    const ToTensor op(desc, {});
    const Canvas original = make_canvas(bench.pinned, desc, Rows::aligned);
    fill(original, random);
    const device::Tensor expected = device::lease_tensor(bench.host, op.output());
    op.run(device::host_stream(), original.picture, expected);
    const Canvas picture = on_gpu(bench, original, Rows::aligned);
    for (int i = 0; i < 5; ++i) {
        const Canvas down = make_canvas(bench.pinned, desc, Rows::aligned);
        std::memset(down.block.data, 0, down.block.desc.byte_count());
        device::copy(bench.stream, picture.block, down.block);
        const device::Tensor ours = device::lease_tensor(bench.host, op.output());
        op.run(device::host_stream(), down.picture, ours);
        ASSERT_EQ(first_difference(expected, ours), -1);
    }
}

}  // namespace
}  // namespace millrace::ops::test
