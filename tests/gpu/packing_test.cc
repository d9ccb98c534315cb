// Packed pixels, as fused layers have pictures: the GPU's are the host's planes, and make the pictures that those make.

#include <gtest/gtest.h>

#include <cmath>

#include "gpu/ops_bench.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {
namespace {

using device::copied;
using device::test::first_difference;

/// Makes a spec one that packed pixels can have; false: it cannot be.
bool packs(TensorSpec& spec) {
    spec.dtype = core::DType::float16;
    spec.layout = Layout::nchw;
    return spec.channels == Channels::rgb || spec.channels == Channels::bgr;
}

void check_to_tensor(Bench& bench, TensorCase c, const Packing& packing, std::mt19937& random) {
    const Canvas canvas = make_canvas(bench.host, c.input, Rows::aligned);
    fill(canvas, random);
    const ToTensor host_op(c.input, c.spec, c.resize);
    const device::Tensor planes = device::lease_tensor(bench.host, host_op.output());
    host_op.run(device::host_stream(), canvas.picture, planes);
    c.spec.packing = packing;
    const ToTensor op(c.input, c.spec, c.resize);
    const Canvas picture = on_gpu(bench, canvas, Rows::aligned);
    const device::Tensor ours = slot(bench.memory, op.output(), 1);
    op.run(bench.stream, picture.picture, ours);
    const device::Tensor back = copied(bench.stream, bench.host, ours);
    device::synchronize(bench.stream);
    ASSERT_EQ(first_difference(packed(bench.host, planes, packing, 0), back), -1) << describe(c);
}

void check_to_picture(Bench& bench, PictureCase c, const Packing& packing, std::mt19937& random) {
    const device::Tensor planes = device::lease_tensor(bench.host, tensor_desc(c));
    fill(planes, random, random() % 3 == 0 ? 7 : 0);
    const Canvas expected = make_canvas(bench.host, c.output, Rows::aligned);
    fill(expected, random);
    const Canvas picture = on_gpu(bench, expected, Rows::aligned);
    const ToPicture host_op(c.spec, c.tensor_width, c.tensor_height, c.output);
    host_op.run(device::host_stream(), planes, nullptr, expected.picture);
    c.spec.packing = packing;
    const ToPicture op(c.spec, c.tensor_width, c.tensor_height, c.output);
    const device::Tensor there = packed(bench.host, planes, packing, 0x7E00);
    const device::Tensor elements = slot(bench.memory, there.desc, 1);
    device::copy(bench.stream, there, elements);
    op.run(bench.stream, elements, nullptr, picture.picture);
    const device::Tensor back = copied(bench.stream, bench.host, picture.block);
    device::synchronize(bench.stream);
    ASSERT_EQ(first_difference(expected.block, back), -1) << describe(c);
    ASSERT_EQ(op.nan_count(), host_op.nan_count()) << describe(c);
}

TEST(GpuPacking, AnyPictureIsPackedAsTheHostsPlanes) {
    Bench bench;
    std::mt19937 random(41);
    for (int i = 0; i < 1000 && !testing::Test::HasFatalFailure(); ++i) {
        TensorCase c = any_tensor_case(random);
        if (packs(c.spec)) check_to_tensor(bench, c, {i % 2 == 0 ? 8 : 16, 1}, random);
    }
}

TEST(GpuPacking, AnyPictureOfThemIsThatOfPlanes) {
    Bench bench;
    std::mt19937 random(42);
    for (int i = 0; i < 1000 && !testing::Test::HasFatalFailure(); ++i) {
        PictureCase c = any_picture_case(random);
        const Packing packing = i % 3 == 0 ? Packing{8, 1} : i % 3 == 1 ? Packing{16, 1} : Packing{16, 2};
        const bool even = c.tensor_width % 2 == 0 && c.tensor_height % 2 == 0;
        if (packs(c.spec) && even) check_to_picture(bench, c, packing, random);
    }
}

TEST(GpuPacking, VideoSizesBothWays) {
    Bench bench;
    std::mt19937 random(43);
    for (const auto [width, height] : {std::array{1920, 1080}, std::array{1288, 722}, std::array{854, 480}}) {
        for (const int depth : {8, 10}) {
            for (const Subsampling sub : subsamplings) {
                core::PictureDesc desc = yuv_desc(width, height, depth, sub);
                desc.format.packing = core::Packing::semi_planar;
                desc.format.alignment = core::Alignment::high;
                TensorSpec spec;
                spec.dtype = core::DType::float16;
                spec.channels = random() % 2 == 0 ? Channels::rgb : Channels::bgr;
                for (const int channels : {8, 16}) check_to_tensor(bench, {desc, spec, {}}, {channels, 1}, random);
                for (const Packing packing : {Packing{8, 1}, Packing{16, 2}}) {
                    check_to_picture(bench, {spec, width, height, desc, {}}, packing, random);
                }
                if (HasFatalFailure()) return;
            }
        }
    }
}

}  // namespace
}  // namespace millrace::ops::test
