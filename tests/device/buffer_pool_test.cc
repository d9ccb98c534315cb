#include "device/buffer_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "core/error.h"
#include "support/error_of.h"

namespace millrace::device {
namespace {

using millrace::test::message_of;

constexpr std::size_t kib = 1024;

BufferPool make_pool(std::size_t budget) { return {DeviceId{}, "test blocks", budget}; }

// The pool has no way to say that somebody waits; a waiter that got nothing for this long counts as blocked.
constexpr std::chrono::milliseconds settle{50};

TEST(BufferPool, BlocksAreAlignedWritableAndDistinct) {
    BufferPool pool = make_pool(64 * kib);
    std::vector<Block> blocks;
    std::set<std::byte*> places;
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{255}, std::size_t{256}, 4 * kib}) {
        blocks.push_back(pool.lease(bytes));
        const Block& block = blocks.back();
        EXPECT_EQ(block.bytes, bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data) % 256, 0U);  // NOLINT(*-reinterpret-cast)
        std::memset(block.data, 0x5a, bytes);
        places.insert(block.data);
    }
    EXPECT_EQ(places.size(), blocks.size());
}

TEST(BufferPool, CountsLeasedPeakAndIdle) {
    BufferPool pool = make_pool(10 * kib);
    {
        const Block a = pool.lease(4 * kib);
        const Block b = pool.lease(2 * kib);
        EXPECT_EQ(pool.usage().leased, 6 * kib);
        EXPECT_EQ(pool.usage().idle, 0U);
    }
    EXPECT_EQ(pool.usage().leased, 0U);
    EXPECT_EQ(pool.usage().idle, 6 * kib);
    EXPECT_EQ(pool.usage().peak, 6 * kib);
}

TEST(BufferPool, HandsOutAReturnedBlockOfThatSizeAgain) {
    BufferPool pool = make_pool(10 * kib);
    std::byte* place = pool.lease(3 * kib).data;
    const Block other = pool.lease(2 * kib);
    EXPECT_NE(other.data, place);
    const Block again = pool.lease(3 * kib);
    EXPECT_EQ(again.data, place);
    EXPECT_EQ(pool.usage().idle, 0U);
}

TEST(BufferPool, FreesKeptBlocksOfOtherSizesWhenTheBudgetNeedsThem) {
    BufferPool pool = make_pool(10 * kib);
    pool.lease(6 * kib).owner.reset();
    EXPECT_EQ(pool.usage().idle, 6 * kib);
    const Block block = pool.lease(8 * kib);
    EXPECT_EQ(pool.usage().leased, 8 * kib);
    EXPECT_EQ(pool.usage().idle, 0U);
}

TEST(BufferPool, KeepsWhatTheBudgetLeavesRoomFor) {
    BufferPool pool = make_pool(10 * kib);
    pool.lease(2 * kib).owner.reset();
    const Block block = pool.lease(8 * kib);
    EXPECT_EQ(pool.usage().idle, 2 * kib);
}

TEST(BufferPool, ALeaseLargerThanTheBudgetIsAnErrorThatSaysWhatToDo) {
    BufferPool pool = make_pool(kib);
    EXPECT_EQ(message_of(core::ErrorCode::out_of_memory, [&] { (void)pool.lease(kib + 1); }),
              "test blocks: 1025 bytes do not fit the budget of 1024; raise --memory");
    EXPECT_EQ(pool.usage().leased, 0U);
}

TEST(BufferPool, BlocksUntilAnotherThreadGivesBack) {
    BufferPool pool = make_pool(4 * kib);
    std::optional<Block> first = pool.lease(3 * kib);
    std::atomic<bool> served{false};
    std::jthread waiter([&] {
        const Block block = pool.lease(2 * kib);
        EXPECT_NE(block.owner, nullptr);
        served = true;
    });
    std::this_thread::sleep_for(settle);
    EXPECT_FALSE(served);
    first.reset();
    waiter.join();
    EXPECT_TRUE(served);
}

TEST(BufferPool, AStopEndsTheWaitWithAnEmptyBlock) {
    BufferPool pool = make_pool(4 * kib);
    const Block all = pool.lease(4 * kib);
    std::stop_source stop;
    Block block;
    std::jthread waiter([&] { block = pool.lease(kib, stop.get_token()); });
    stop.request_stop();
    waiter.join();
    EXPECT_EQ(block.owner, nullptr);
    EXPECT_EQ(block.data, nullptr);
    EXPECT_EQ(pool.usage().leased, 4 * kib);
}

TEST(BufferPool, ABlockOutlivesItsPool) {
    Block block;
    {
        BufferPool pool = make_pool(4 * kib);
        block = pool.lease(4 * kib);
    }
    std::memset(block.data, 1, block.bytes);
    EXPECT_EQ(std::to_integer<int>(block.data[4 * kib - 1]), 1);
    block.owner.reset();  // to nobody: the sanitizers see whether it is freed
}

TEST(BufferPool, CopiesOfAnOwnerAreOneLease) {
    BufferPool pool = make_pool(4 * kib);
    Block block = pool.lease(kib);
    const std::shared_ptr<void> second = block.owner;
    block.owner.reset();
    EXPECT_EQ(pool.usage().leased, kib);
}

// Several threads, sizes that displace one another: no block may be handed out twice, nor the budget be passed.
TEST(BufferPool, ThreadsNeverShareABlockNorPassTheBudget) {
    constexpr std::size_t budget = 8 * kib;
    BufferPool pool = make_pool(budget);
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int id = 1; id <= 4; ++id) {
            threads.emplace_back([&, id] {
                for (std::size_t round = 0; round < 300; ++round) {
                    const std::size_t bytes = (1 + (round + static_cast<std::size_t>(id)) % 3) * kib;
                    const Block block = pool.lease(bytes);
                    std::memset(block.data, id, bytes);
                    std::this_thread::yield();
                    for (std::size_t i = 0; i < bytes; i += 101) wrong += std::to_integer<int>(block.data[i]) != id;
                    const PoolUsage usage = pool.usage();
                    wrong += usage.leased + usage.idle > budget;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(pool.usage().peak, budget);
    EXPECT_EQ(pool.usage().leased, 0U);
}

TEST(DeviceId, Names) {
    EXPECT_EQ(to_string(DeviceId{}), "cpu");
    EXPECT_EQ(to_string(DeviceId{DeviceKind::cuda, 3}), "cuda:3");
}

}  // namespace
}  // namespace millrace::device
