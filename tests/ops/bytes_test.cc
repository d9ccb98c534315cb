// Bytes become floats of the same values, and floats the bytes nearest to them.

#include "ops/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

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

TEST(Narrow, GivesTheNearestByteHalfToEvenClipped) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::vector<std::pair<float, int>> cases{{0, 0},          {0.5F, 0},      {1.5F, 2},         {2.5F, 2},
                                                   {-0.4F, 0},      {-3, 0},        {254.49F, 254},    {254.5F, 254},
                                                   {254.51F, 255},  {255, 255},     {256, 255},        {1e30F, 255},
                                                   {infinity, 255}, {-infinity, 0}, {std::nanf(""), 0}};
    device::BufferPool pool({}, "test", device::unbounded);
    const auto count = static_cast<std::int64_t>(cases.size());
    const device::Tensor floats = device::lease_tensor(pool, {core::DType::float32, {count}});
    const device::Tensor bytes = device::lease_tensor(pool, {core::DType::uint8, {count}});
    for (std::size_t i = 0; i < cases.size(); ++i) floats.as<float>()[i] = cases[i].first;
    narrow(device::host_stream(), floats, bytes);
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(bytes.as<std::uint8_t>()[i], cases[i].second) << cases[i].first;
    }
}

}  // namespace
}  // namespace millrace::ops::test
