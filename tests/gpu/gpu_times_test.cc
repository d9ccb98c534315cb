// Times of work on a GPU: the work's own, without what it waited for.

#include "pipeline/gpu_times.h"

#include <gtest/gtest.h>

#include "gpu/support.h"

namespace millrace::device::test {
namespace {

using pipeline::GpuTimes;
using pipeline::Profile;
using pipeline::Stage;

constexpr std::int64_t mib = std::int64_t{1} << 20U;

TEST(GpuTimesOfWork, LeaveOutWhatTheWorkWaitedFor) {
    BufferPool pool(gpu, "test", plenty);
    const Stream first(gpu);
    const Stream second(gpu);
    const Tensor large = lease_tensor(pool, {core::DType::uint8, {512 * mib}});
    const Tensor copy_of_large = lease_tensor(pool, large.desc);
    const Tensor small = lease_tensor(pool, {core::DType::uint8, {mib}});
    clear(first, large);
    Profile profile(pipeline::Tracing::off);
    {
        GpuTimes slow(first, Stage::to_picture, profile);
        GpuTimes quick(second, Stage::to_tensor, profile);
        for (int round = 0; round < 8; ++round) {
            slow.begin(large.timeline, copy_of_large.timeline);
            copy(first, large, copy_of_large);
            slow.end();
            // Reads what the other stream has just begun to write.
            Tensor part = copy_of_large.share();
            part.desc = small.desc;
            quick.begin(part.timeline, small.timeline);
            copy(second, part, small);
            quick.end();
        }
    }
    const auto slow = profile.sums(Stage::to_picture).gpu;
    const auto quick = profile.sums(Stage::to_tensor).gpu;
    EXPECT_GT(quick.count(), 0);
    EXPECT_GT(slow.count(), 0);
    EXPECT_LT(quick, slow / 2);  // 512 times the bytes
    EXPECT_EQ(profile.sums(Stage::to_tensor).time[0].count(), 0);
}

}  // namespace
}  // namespace millrace::device::test
