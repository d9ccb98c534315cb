#include <gtest/gtest.h>

#include "core/error.h"
#include "device/cuda/probe.h"

namespace millrace::device {
namespace {

// Holds in every build, with and without CUDA, on machines with and without a GPU.

TEST(CudaProbe, ListsDevicesInOrderWithoutThrowing) {
    int expected = 0;
    for (const CudaDeviceInfo& device : cuda_devices()) EXPECT_EQ(device.index, expected++);
}

TEST(CudaProbe, SelfTestOnAnAbsentDeviceNamesIt) {
    try {
        (void)cuda_self_test(99);
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ErrorCode::failed);
        EXPECT_NE(std::string(error.what()).find("cuda:99"), std::string::npos) << error.what();
    }
}

TEST(CudaProbe, BuildDescriptionNamesCuda) { EXPECT_NE(cuda_build_description().find("CUDA"), std::string::npos); }

}  // namespace
}  // namespace millrace::device
