#include "device/cuda/probe.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace millrace::device {
namespace {

// These tests are for machines with a GPU: without one they fail rather than skip.

TEST(CudaProbe, SeesADevice) {
    const std::vector<CudaDeviceInfo> devices = cuda_devices();
    ASSERT_FALSE(devices.empty());
    EXPECT_EQ(devices.front().index, 0);
    EXPECT_FALSE(devices.front().name.empty());
    EXPECT_GE(devices.front().sm_major, 7);
    EXPECT_GT(devices.front().memory_bytes, std::size_t{1} << 30U);
}

TEST(CudaProbe, EveryDeviceRunsAKernel) {
    const std::vector<CudaDeviceInfo> devices = cuda_devices();
    ASSERT_FALSE(devices.empty());
    for (const CudaDeviceInfo& device : devices) EXPECT_TRUE(cuda_self_test(device.index)) << device.name;
}

TEST(CudaProbe, AnAbsentDeviceIsAnError) {
    EXPECT_THROW((void)cuda_self_test(static_cast<int>(cuda_devices().size())), core::Error);
}

}  // namespace
}  // namespace millrace::device
