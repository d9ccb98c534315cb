// Pools of a GPU's memory, and of memory that it copies to at full speed. For machines with one: elsewhere these fail.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "device/cuda/runtime.h"
#include "gpu/memory.h"

namespace millrace::device::test {
namespace {

TEST(GpuPool, HandsOutAReturnedBlockAgainAndCountsIt) {
    BufferPool pool(gpu, "device blocks", 10 * mib);
    std::byte* place = pool.lease(3 * mib).data;
    EXPECT_EQ(pool.usage().idle, 3 * mib);
    const Block again = pool.lease(3 * mib);
    EXPECT_EQ(again.data, place);
    EXPECT_NE(again.timeline, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(again.data) % 256, 0U);  // NOLINT(*-reinterpret-cast)
    EXPECT_EQ(pool.usage().idle, 0U);
    EXPECT_EQ(pool.usage().peak, 3 * mib);
}

TEST(GpuPool, StaysWithinItsBudgetWhenSizesChange) {
    const std::size_t before = cuda_memory(0).free_bytes;
    BufferPool pool(gpu, "device blocks", 64 * mib);
    const Stream stream(gpu);
    for (std::size_t round = 0; round < 40; ++round) {
        const Block block = pool.lease((round % 60 + 3) * mib);
        const PoolUsage usage = pool.usage();
        ASSERT_LE(usage.leased + usage.idle, 64 * mib);
    }
    synchronize(stream);
    const std::size_t after = cuda_memory(0).free_bytes;
    // The runtime keeps up to 64 MiB of its own and rounds blocks up.
    EXPECT_LT(before - std::min(before, after), 64 * mib + 64 * mib + 64 * mib);
    std::cout << "pool of 64 MiB: device memory in use grew by " << (before - std::min(before, after)) / mib
              << " MiB\n";
}

TEST(GpuPool, ALeaseLargerThanTheBudgetNamesTheOption) {
    BufferPool pool(gpu, "frames", mib);
    try {
        (void)pool.lease(mib + 1);
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_STREQ(error.what(), "frames: 1048577 bytes do not fit the budget of 1048576; raise --gpu-memory");
    }
}

TEST(GpuPool, ADeviceWithoutMemoryLeftIsAnErrorAndNothingIsCounted) {
    BufferPool pool(gpu, "frames", std::size_t{1} << 50U);
    try {
        (void)pool.lease(std::size_t{1} << 45U);
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(std::string(error.what()).find("frames: out of memory asking for"), 0U) << error.what();
    }
    EXPECT_EQ(pool.usage().leased, 0U);
    EXPECT_NE(pool.lease(mib).data, nullptr) << "the device must still work";
    EXPECT_FALSE(cuda_lost(0));
}

TEST(GpuPool, BlocksUntilAnotherThreadGivesBackAndStops) {
    BufferPool pool(gpu, "frames", 4 * mib);
    std::optional<Block> first = pool.lease(3 * mib);
    std::atomic<bool> served{false};
    std::jthread waiter([&] { served = pool.lease(2 * mib).owner != nullptr; });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(served);
    first.reset();
    waiter.join();
    EXPECT_TRUE(served);
    const Block all = pool.lease(4 * mib);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(pool.lease(mib, stop.get_token()).owner, nullptr);
}

// A down-copy ring of three slots: far more pictures than slots, each read by the host before its slot goes back.
TEST(GpuPinned, ARingOfFewSlotsCarriesManyPicturesDown) {
    Memory memory;
    constexpr std::size_t slot = 3 * mib;
    BufferPool ring(make_pinned_source(gpu), DeviceId{}, "down-copy ring", 3 * slot);
    const Stream down(gpu);
    std::vector<Tensor> sources;
    for (int i = 0; i < 4; ++i) {
        const Tensor host = lease_tensor(memory.pinned, bytes_of(slot));
        fill(host, 40 + i);
        sources.push_back(copied(down, memory.device, host));
        synchronize(down);  // the next one may be filled into the same memory
    }
    int right = 0;
    std::vector<Tensor> in_flight;
    for (int i = 0; i < 60; ++i) {
        if (in_flight.size() == 3) {
            in_flight.front().timeline->before_read(host_stream());
            right += all_are(in_flight.front(), 40 + (i - 3) % 4) ? 1 : 0;
            in_flight.erase(in_flight.begin());
        }
        in_flight.push_back(copied(down, ring, sources[static_cast<std::size_t>(i % 4)]));
    }
    EXPECT_EQ(right, 57);
    EXPECT_LE(ring.usage().peak, 3 * slot);
}

}  // namespace
}  // namespace millrace::device::test
