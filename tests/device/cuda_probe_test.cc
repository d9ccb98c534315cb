#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "support/error_of.h"

namespace millrace::device {
namespace {

using millrace::test::message_of;

// Holds in every build, with and without CUDA, on machines with and without a GPU.

TEST(CudaProbe, ListsDevicesInOrderWithoutThrowing) {
    int expected = 0;
    for (const CudaDeviceInfo& device : cuda_devices()) EXPECT_EQ(device.index, expected++);
}

TEST(CudaProbe, SelfTestOnAnAbsentDeviceNamesIt) {
    const std::string text = message_of(core::ErrorCode::failed, [] { (void)cuda_self_test(99); });
    EXPECT_NE(text.find("cuda:99"), std::string::npos) << text;
}

TEST(CudaProbe, BuildDescriptionNamesCuda) { EXPECT_NE(cuda_build_description().find("CUDA"), std::string::npos); }

}  // namespace
}  // namespace millrace::device
