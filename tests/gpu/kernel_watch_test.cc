// Kernels that are recorded for a while. For machines with a GPU: elsewhere these fail.

#include <gtest/gtest.h>

#include <chrono>

#include "device/cuda/activity.h"
#include "gpu/support.h"
#include "ops/support.h"
#include "ops/to_tensor.h"

namespace millrace::device::test {
namespace {

/// One kernel, again and again, waited for after every tenth: returns how many there were in `time`.
int keep_busy(std::chrono::milliseconds time) {
    const Stream stream(gpu);
    BufferPool memory(gpu, "device", plenty);
    const core::PictureDesc desc = ops::test::yuv_desc(1920, 1080, 8, {1, 1});
    const ops::ToTensor op(desc, {});
    const Picture picture = lease_picture(memory, desc);
    const Tensor tensor = lease_tensor(memory, op.output());
    int kernels = 0;
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
        for (int i = 0; i < 10; ++i, ++kernels) op.run(stream, picture, tensor);
        synchronize(stream);
    }
    return kernels;
}

TEST(GpuKernelWatch, OnlyWhatRunsWhileItLastsCounts) {
    using std::chrono::milliseconds;
    (void)keep_busy(milliseconds(100));
    ActivityMonitor whole;
    const int all = keep_busy(milliseconds(300));
    const ActivityReport exact = whole.stop();
    ASSERT_EQ(exact.devices.size(), 1U);
    EXPECT_EQ(exact.kernels_watched, exact.seconds);
    EXPECT_EQ(exact.devices[0].kernels, all);

    ActivityMonitor part(nullptr, milliseconds(300));
    const int kernels = keep_busy(milliseconds(900));
    const ActivityReport seen = part.stop();
    ASSERT_EQ(seen.devices.size(), 1U);
    EXPECT_EQ(seen.dropped, 0);
    EXPECT_DOUBLE_EQ(seen.kernels_watched, 0.3);
    EXPECT_GT(seen.seconds, 0.9);
    EXPECT_GT(seen.devices[0].kernels, 0);
    EXPECT_LT(seen.devices[0].kernels, kernels);
    EXPECT_GT(seen.devices[0].kernel_seconds, 0);
    EXPECT_LE(seen.devices[0].kernel_seconds, 0.3);
}

TEST(GpuKernelWatch, EndsBeforeItsTimeAndWithoutStop) {
    for (const int length : {1, 10'000}) {
        ActivityMonitor monitor(nullptr, std::chrono::milliseconds(length));
        EXPECT_GT(keep_busy(std::chrono::milliseconds(30)), 0);
    }
}

}  // namespace
}  // namespace millrace::device::test
