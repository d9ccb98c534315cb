// What is measured of a GPU's work. For machines with one: elsewhere these fail.

#include <gtest/gtest.h>

#include <iostream>
#include <thread>

#include "device/cuda/activity.h"
#include "device/picture.h"
#include "gpu/memory.h"
#include "ops/support.h"
#include "ops/to_tensor.h"

namespace millrace::device::test {
namespace {

TEST(GpuActivity, KernelTimeIsTheUnionAndCopiesAreCountedByDirection) {
    Memory memory;
    const Stream one(gpu);
    const Stream two(gpu);
    const core::PictureDesc desc = ops::test::yuv_desc(1920, 1080, 8, {1, 1});
    const ops::ToTensor op(desc, {});
    const Picture picture = lease_picture(memory.device, desc);
    const Tensor a = lease_tensor(memory.device, op.output());
    const Tensor b = lease_tensor(memory.device, op.output());
    const Tensor host = lease_tensor(memory.pinned, bytes_of(8 * mib));
    fill(host, 5);
    op.run(one, picture, a);
    synchronize(one);
    ActivityMonitor monitor;
    const Tensor up = copied(one, memory.device, host);
    const Tensor across = copied(one, memory.device, up);
    copy(one, across, host);
    for (int i = 0; i < 50; ++i) {
        op.run(one, picture, a);
        op.run(two, picture, b);
    }
    synchronize(one);
    synchronize(two);
    const ActivityReport report = monitor.stop();
    ASSERT_EQ(report.devices.size(), 1U);
    const DeviceActivity& device = report.devices[0];
    EXPECT_EQ(report.dropped, 0);
    EXPECT_EQ(device.kernels, 100);
    EXPECT_GT(device.kernel_seconds, 0.0);
    EXPECT_LE(device.kernel_seconds, report.seconds);
    EXPECT_EQ(device.up.count, 1);
    EXPECT_EQ(device.up.bytes, 8 * mib);
    EXPECT_EQ(device.down.count, 1);
    EXPECT_EQ(device.down.bytes, 8 * mib);
    EXPECT_EQ(device.across.count, 1);
    EXPECT_EQ(device.across.bytes, 8 * mib);
    std::cout << "activity: " << device.kernels << " kernels busy " << device.kernel_seconds * 1e6 << " us of "
              << report.seconds * 1e6 << " us, up " << device.up.seconds * 1e6 << " us, down "
              << device.down.seconds * 1e6 << " us, across " << device.across.seconds * 1e6 << " us\n";
    EXPECT_TRUE(ActivityMonitor().stop().devices.empty()) << "a second measurement begins at nothing";
}

TEST(GpuActivity, CopiesGoToTheLineThatAskedForThem) {
    Memory memory;
    const Stream stream(gpu);
    const Tensor host = lease_tensor(memory.pinned, bytes_of(8 * mib));
    fill(host, 5);
    int asked = 0;
    CopyLedger ledger([&] { return ++asked > 0; });
    ActivityMonitor monitor(&ledger);
    const Tensor up = copied(stream, memory.device, host);
    ledger.named("a.py:1");
    copy(stream, up, host);
    copy(stream, up, host);
    ledger.named("a.py:2");
    std::thread([&] { copy(stream, up, host); }).join();
    synchronize(stream);
    EXPECT_EQ(asked, 2) << "once a line";  // stop() copies too, to see whether it is still told of copies
    EXPECT_EQ(monitor.stop().devices.at(0).down.count, 3);
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].line, "a.py:2");
    EXPECT_EQ(lines[0].direction, CopyDirection::down);
    EXPECT_EQ(lines[0].count, 2);
    EXPECT_EQ(lines[0].bytes, 16 * mib);
    EXPECT_GT(lines[0].seconds, 0);
    EXPECT_EQ(lines[1].line, "a.py:1");
    EXPECT_EQ(lines[1].direction, CopyDirection::up);
    EXPECT_EQ(lines[1].bytes, 8 * mib);
}

}  // namespace
}  // namespace millrace::device::test
