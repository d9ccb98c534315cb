// Bytes become the host's floats, and floats the host's bytes, whatever their number and where they begin.

#include "ops/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
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

TEST(NarrowOnGpu, GivesTheHostsBytes) {
    device::BufferPool host({}, "host", plenty);
    device::BufferPool memory(gpu, "device", plenty);
    const device::Stream stream(gpu);
    std::mt19937 random(7);
    std::uniform_real_distribution<float> values(-20, 275);
    for (const std::int64_t count : {1, 31, 256, 257, 3 * 1080 * 1920}) {
        const device::Tensor floats = device::lease_tensor(host, {core::DType::float32, {count}});
        for (std::int64_t i = 0; i < count; ++i) {
            // Some that lie half way between two bytes, and some that are none.
            floats.as<float>()[i] = i % 3 == 0   ? std::floor(values(random)) + 0.5F
                                    : i % 7 == 0 ? std::nanf("")
                                                 : values(random);
        }
        const core::TensorDesc bytes{core::DType::uint8, {count}};
        const device::Tensor expected = device::lease_tensor(host, bytes);
        const device::Tensor ours = device::lease_tensor(memory, bytes);
        narrow(device::host_stream(), floats, expected);
        narrow(stream, device::copied(stream, memory, floats), ours);
        const device::Tensor back = device::copied(stream, host, ours);
        device::synchronize(stream);
        EXPECT_EQ(first_difference(expected, back), -1) << count;
    }
}

}  // namespace
}  // namespace millrace::ops::test
