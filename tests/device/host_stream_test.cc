// The host side of streams, timelines and copies, and what a build or a machine without a GPU answers.

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "device/copy.h"
#include "device/cuda/activity.h"
#include "device/cuda/probe.h"
#include "device/cuda/runtime.h"
#include "device/stream.h"

namespace millrace::device {
namespace {

constexpr DeviceId absent{DeviceKind::cuda, 99};

template <class F>
void expect_error_naming_the_device(F f) {
    try {
        f();
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ErrorCode::failed);
        EXPECT_NE(std::string(error.what()).find("cuda:99"), std::string::npos) << error.what();
    }
}

TEST(HostStream, HasNothingToWaitFor) {
    const Stream stream{DeviceId{}};
    EXPECT_EQ(stream.ref(), host_stream());
    Event event{DeviceId{}};
    event.record(stream);
    EXPECT_TRUE(reached(event.ref()));
    wait(stream, event.ref());
    synchronize(stream);
    EXPECT_EQ(elapsed(event.ref(), event.ref()), 0.0);
}

TEST(HostStream, HostMemoryHasNoTimeline) {
    BufferPool pool(DeviceId{}, "tensors", 4096);
    const Block block = pool.lease(100);
    EXPECT_EQ(block.timeline, nullptr);
    const Tensor tensor = lease_tensor(pool, {core::DType::uint8, {4, 16}});
    EXPECT_EQ(tensor.at(1).timeline, nullptr);
    Access(host_stream(), tensor.timeline, block.timeline).done();
}

TEST(HostStream, ATimelineOfHostWorkAloneWaitsForNothing) {
    Timeline timeline;
    timeline.before_write(host_stream());
    timeline.after_write(host_stream());
    timeline.before_read(host_stream());
    timeline.after_read(host_stream());
    timeline.renew();
    timeline.before_all(host_stream());
}

TEST(HostStream, CopiesPlanesOfDifferentPitches) {
    core::PictureDesc desc;
    desc.width = 5;
    desc.height = 3;
    BufferPool pool(DeviceId{}, "pictures", std::size_t{1} << 20U);
    const Picture from = lease_picture(pool, desc);
    Picture to = lease_picture(pool, desc);
    std::memset(from.planes[0].data, 1, picture_bytes(desc));
    std::memset(to.planes[0].data, 2, picture_bytes(desc));
    from.planes[2].data[from.planes[2].pitch + 2] = std::byte{77};
    const std::ptrdiff_t pitch = to.planes[2].pitch;
    to.planes[2].pitch = 7;
    copy(host_stream(), from, to);
    EXPECT_EQ(to.planes[0].data[4], std::byte{1});
    EXPECT_EQ(to.planes[0].data[5], std::byte{2}) << "wrote beyond the row";
    EXPECT_EQ(to.planes[2].data[7 + 2], std::byte{77});
    EXPECT_EQ(to.planes[2].data[3], std::byte{2}) << "wrote between the rows";
    EXPECT_GT(pitch, 7);
}

TEST(AbsentDevice, EveryWayInSaysWhichDevice) {
    expect_error_naming_the_device([] { const Stream stream(absent); });
    expect_error_naming_the_device([] { const Event event(absent); });
    expect_error_naming_the_device([] { const BufferPool pool(absent, "pictures", 4096); });
    expect_error_naming_the_device([] { (void)make_pinned_source(absent)->allocate(64); });
    expect_error_naming_the_device([] { (void)cuda_memory(99); });
    EXPECT_FALSE(cuda_lost(99));
    EXPECT_FALSE(cuda_lost(-1));
}

// With libcupti and a GPU it can be measured; otherwise the reason is given, and never a zero.
TEST(AbsentDevice, ActivityIsMeasuredOrTheReasonIsGiven) {
    try {
        ActivityMonitor monitor;
        EXPECT_GE(monitor.stop().seconds, 0.0);
    } catch (const core::Error& error) {
        EXPECT_EQ(std::string(error.what()).find("GPU activity is not measured: "), 0U) << error.what();
    }
}

}  // namespace
}  // namespace millrace::device
