#include "engine/device_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "support/error_of.h"

namespace millrace::engine {
namespace {

using test::error_of;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ChooseDevice, CpuIsTheHost) { EXPECT_EQ(choose_devices("cpu"), std::vector{device::DeviceId{}}); }

TEST(ChooseDevice, OtherWordsAreUsageErrors) {
    for (const std::string name :
         {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda0", "CPU", "cuda:99999999999", "cpu,cpu", ","}) {
        const core::Error error = error_of([&] { (void)choose_devices(name); });
        EXPECT_EQ(error.code(), core::ErrorCode::usage) << name;
        EXPECT_EQ(error.what(), "--device " + name +
                                    ": expected cpu, cuda, cuda:N or several of those GPUs with commas between; "
                                    "'millrace devices' lists what there is");
    }
}

TEST(ChooseDevice, AGpuThatIsNotThereIsAUsageErrorThatSaysWhatIs) {
    const core::Error error = error_of([&] { (void)choose_devices("cuda:63"); });
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

// Before any question of what this machine has: the second name is wrong in every build.
TEST(ChooseDevice, AListNamesGpusOnly) {
    const core::Error error = error_of([&] { (void)choose_devices("cpu,cuda:0"); });
    EXPECT_EQ(error.code(), core::ErrorCode::usage);
    EXPECT_THAT(error.what(), StartsWith("--device cpu,cuda:0: expected cpu, cuda, cuda:N or several"));
}

TEST(ChooseDevice, NamesAreAsTheOptionTakesThem) {
    EXPECT_EQ(device_names({{device::DeviceKind::cuda, 0}, {device::DeviceKind::cuda, 2}}), "cuda:0,cuda:2");
    EXPECT_EQ(device_names(choose_devices("cpu")), "cpu");
    EXPECT_EQ(kind_of(device::DeviceId{}), "cpu");
}

}  // namespace
}  // namespace millrace::engine
