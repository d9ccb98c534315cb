#include "engine/device_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "support/error_of.h"

namespace millrace::engine {
namespace {

using test::error_of;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ChooseDevice, CpuIsTheHost) { EXPECT_EQ(choose_device("cpu"), device::DeviceId{}); }

TEST(ChooseDevice, OtherWordsAreUsageErrors) {
    for (const std::string name :
         {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda0", "CPU", "cuda:99999999999"}) {
        const core::Error error = error_of([&] { (void)choose_device(name); });
        EXPECT_EQ(error.code(), core::ErrorCode::usage) << name;
        EXPECT_EQ(error.what(),
                  "--device " + name + ": expected cpu, cuda or cuda:N; 'millrace devices' lists what there is");
    }
}

TEST(ChooseDevice, AGpuThatIsNotThereIsAUsageErrorThatSaysWhatIs) {
    const core::Error error = error_of([&] { (void)choose_device("cuda:63"); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), StartsWith("--device cuda:63: "));
    if (!device::built_with_cuda()) {
        EXPECT_THAT(error.what(), HasSubstr("this build runs on cpu only (built without CUDA)"));
    } else if (device::cuda_devices().empty()) {
        EXPECT_THAT(error.what(), HasSubstr("CUDA finds no GPU on this machine"));
    } else {
        EXPECT_THAT(error.what(), HasSubstr("this machine has cuda:0"));
    }
}

}  // namespace
}  // namespace millrace::engine
