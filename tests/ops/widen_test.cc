// Bytes become floats of the same values.

#include "ops/widen.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "device/buffer_pool.h"

namespace millrace::ops::test {
namespace {

TEST(Widen, EveryByteIsItsFloat) {
    device::BufferPool pool({}, "test", device::unbounded);
    const device::Tensor bytes = device::lease_tensor(pool, {core::DType::uint8, {2, 128}});
    const device::Tensor floats = device::lease_tensor(pool, {core::DType::float32, {2, 128}});
    for (int value = 0; value < 256; ++value) bytes.as<std::uint8_t>()[value] = static_cast<std::uint8_t>(value);
    widen(device::host_stream(), bytes, floats);
    for (int value = 0; value < 256; ++value) EXPECT_EQ(floats.as<float>()[value], static_cast<float>(value));
}

}  // namespace
}  // namespace millrace::ops::test
