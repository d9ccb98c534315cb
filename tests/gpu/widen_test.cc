// Bytes become the host's floats, whatever their number and where they begin.

#include "ops/widen.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "gpu/support.h"

namespace millrace::ops::test {
namespace {

using device::test::first_difference;
using device::test::gpu;
using device::test::plenty;

TEST(WidenOnGpu, GivesTheHostsFloats) {
    device::BufferPool host({}, "host", plenty);
    device::BufferPool memory(gpu, "device", plenty);
    const device::Stream stream(gpu);
    std::mt19937 random(7);
    for (const std::int64_t count : {1, 31, 256, 257, 3 * 1080 * 1920, 3 * 2160 * 3840 + 5}) {
        const core::TensorDesc two{core::DType::uint8, {2, count}};
        const device::Tensor bytes = device::lease_tensor(host, two);
        for (std::int64_t i = 0; i < 2 * count; ++i) bytes.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(random());
        const device::Tensor up = device::copied(stream, memory, bytes);
        const core::TensorDesc floats{core::DType::float32, {count}};
        const device::Tensor expected = device::lease_tensor(host, floats);
        const device::Tensor ours = device::lease_tensor(memory, floats);
        widen(device::host_stream(), bytes.at(1), expected);
        widen(stream, up.at(1), ours);
        const device::Tensor back = device::copied(stream, host, ours);
        device::synchronize(stream);
        EXPECT_EQ(first_difference(expected, back), -1) << count;
    }
}

}  // namespace
}  // namespace millrace::ops::test
