// Samples on a GPU go where the host puts them: out of NVDEC's surfaces into tensors, and back into pictures.

#include "ops/repack.h"

#include <gtest/gtest.h>

#include <random>

#include "core/planes.h"
#include "gpu/ops_bench.h"

namespace millrace::ops::test {
namespace {

using device::copied;
using device::test::first_difference;

// f(desc) for every layout of samples, small and as video has them.
template <class F>
void for_every_layout(F f) {
    for (const auto& [width, height] : {std::array{38, 22}, std::array{1918, 1078}}) {
        for (const int depth : depths) {
            for (const Subsampling sub : subsamplings) {
                for (const core::Packing packing : {core::Packing::planar, core::Packing::semi_planar}) {
                    for (const core::Alignment alignment : {core::Alignment::low, core::Alignment::high}) {
                        core::PictureDesc desc = yuv_desc(width, height, depth, sub);
                        desc.format.packing = packing;
                        desc.format.alignment = alignment;
                        f(desc);
                    }
                }
            }
        }
    }
}

TEST(GpuRepack, TensorsHaveTheHostsBytes) {
    Bench bench;
    std::mt19937 random(7);
    for_every_layout([&](const core::PictureDesc& desc) {
        const device::Picture picture = device::lease_picture(bench.host, desc);
        fill_random(picture, random);
        core::TensorDesc two = core::planes_desc(desc);
        two.shape.insert(two.shape.begin(), 2);
        const device::Tensor expected = device::lease_tensor(bench.host, two).at(1);
        const device::Tensor ours = device::lease_tensor(bench.memory, two).at(1);
        repack(device::host_stream(), picture, planes_in(expected, desc));
        const device::Picture up = copied(bench.stream, bench.memory, picture);
        repack(bench.stream, up, planes_in(ours, desc));
        const device::Tensor back = copied(bench.stream, bench.host, ours);
        device::synchronize(bench.stream);
        ASSERT_EQ(first_difference(expected, back), -1) << describe(desc);
    });
}

TEST(GpuRepack, PicturesHaveTheTensorsSamplesUpToTheDepth) {
    Bench bench;
    std::mt19937 random(7);
    for_every_layout([&](const core::PictureDesc& desc) {
        const device::Tensor tensor = device::lease_tensor(bench.host, core::planes_desc(desc));
        for (std::size_t i = 0; i < tensor.desc.byte_count(); ++i) tensor.data[i] = static_cast<std::byte>(random());
        const device::Picture expected = device::lease_picture(bench.host, desc);
        repack(device::host_stream(), planes_in(tensor, desc), expected);
        const device::Tensor up = copied(bench.stream, bench.memory, tensor);
        const device::Picture ours = device::lease_picture(bench.memory, desc);
        repack(bench.stream, planes_in(up, desc), ours);
        const device::Picture back = copied(bench.stream, bench.host, ours);
        device::synchronize(bench.stream);
        ASSERT_EQ(samples(back), samples(expected)) << describe(desc);
    });
}

}  // namespace
}  // namespace millrace::ops::test
