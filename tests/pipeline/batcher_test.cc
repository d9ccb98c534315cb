#include "pipeline/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

namespace millrace::pipeline {
namespace {

constexpr std::chrono::hours never{1};
constexpr std::int64_t slot_values = 6;

Batcher make_batcher(int batch, int in_flight, std::chrono::milliseconds timeout = never) {
    return {{core::DType::float32, {batch, 2, 3}}, {in_flight, timeout, {}}};
}

SlotOwner owner_of(std::int64_t pts) { return {nullptr, {0, pts, 0, nullptr}, 0}; }

void fill(const device::Tensor& tensor, float value) {
    for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) tensor.as<float>()[i] = value;
}

void put(Batcher& batcher, std::int64_t pts) {
    auto slot = batcher.reserve({});
    ASSERT_TRUE(slot.has_value());
    fill(slot->input, static_cast<float>(pts));
    batcher.commit(std::move(*slot), owner_of(pts));
}

std::vector<std::int64_t> pts_of(const Batch& batch) {
    std::vector<std::int64_t> all;
    for (const SlotOwner& owner : batch.owners) all.push_back(owner.tag.pts);
    return all;
}

// Every value of every slot is what its owner wrote; of slots that nobody took, zero.
void expect_contents(const Batch& batch) {
    const auto slots = static_cast<std::size_t>(batch.input.desc.shape.front());
    for (std::size_t slot = 0; slot < slots; ++slot) {
        const float expected = slot < batch.owners.size() ? static_cast<float>(batch.owners[slot].tag.pts) : 0.0F;
        const device::Tensor entry = batch.input.at(static_cast<std::int64_t>(slot));
        for (std::int64_t i = 0; i < slot_values; ++i) EXPECT_EQ(entry.as<float>()[i], expected);
    }
}

TEST(Batcher, AFullBatchLeaves) {
    Batcher batcher = make_batcher(3, 2);
    for (const std::int64_t pts : {10, 11, 12}) put(batcher, pts);
    const auto batch = batcher.pop(device::host_stream(), {});
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->input.desc.shape, (std::vector<std::int64_t>{3, 2, 3}));
    EXPECT_EQ(pts_of(*batch), (std::vector<std::int64_t>{10, 11, 12}));
    expect_contents(*batch);
}

TEST(Batcher, AShortBatchLeavesOnFlushWithItsRestZero) {
    Batcher batcher = make_batcher(3, 1);
    for (const std::int64_t pts : {7, 8, 9}) put(batcher, pts);
    (void)batcher.pop(device::host_stream(), {});  // its memory, full of other values, is used again
    put(batcher, 5);
    batcher.flush();
    const auto batch = batcher.pop(device::host_stream(), {});
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(pts_of(*batch), (std::vector<std::int64_t>{5}));
    expect_contents(*batch);
}

TEST(Batcher, FlushWithoutAnOpenBatchMakesNone) {
    Batcher batcher = make_batcher(2, 2);
    batcher.flush();
    batcher.flush();
    batcher.close();
    EXPECT_FALSE(batcher.pop(device::host_stream(), {}).has_value());
}

TEST(Batcher, AShortBatchLeavesWhenItsOldestFrameHasWaited) {
    Batcher batcher = make_batcher(4, 2, std::chrono::milliseconds(1));
    put(batcher, 1);
    const auto batch = batcher.pop(device::host_stream(), {});  // nobody flushes
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->owners.size(), 1U);
}

TEST(Batcher, ATimeoutWakesAWorkerThatWaitedBeforeTheBatchBegan) {
    Batcher batcher = make_batcher(4, 2, std::chrono::milliseconds(1));
    std::optional<Batch> batch;
    {
        const std::jthread worker([&] { batch = batcher.pop(device::host_stream(), {}); });
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        put(batcher, 3);
    }
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(pts_of(*batch), (std::vector<std::int64_t>{3}));
}

TEST(Batcher, AReservedSlotIsWaitedForEvenAfterTheTimeout) {
    Batcher batcher = make_batcher(4, 2, std::chrono::milliseconds(1));
    put(batcher, 1);
    auto slot = batcher.reserve({});
    std::atomic<bool> popped{false};
    std::optional<Batch> batch;
    {
        const std::jthread worker([&] {
            batch = batcher.pop(device::host_stream(), {});
            popped = true;
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        EXPECT_FALSE(popped);
        fill(slot->input, 2);
        batcher.commit(std::move(*slot), owner_of(2));
    }
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(pts_of(*batch), (std::vector<std::int64_t>{1, 2}));
    expect_contents(*batch);
}

TEST(Batcher, BatchesLeaveInTheOrderInWhichTheyWereBegun) {
    Batcher batcher = make_batcher(1, 3);
    auto first = batcher.reserve({});
    auto second = batcher.reserve({});
    fill(second->input, 2);
    batcher.commit(std::move(*second), owner_of(2));
    fill(first->input, 1);
    batcher.commit(std::move(*first), owner_of(1));
    EXPECT_EQ(pts_of(*batcher.pop(device::host_stream(), {})), (std::vector<std::int64_t>{1}));
    EXPECT_EQ(pts_of(*batcher.pop(device::host_stream(), {})), (std::vector<std::int64_t>{2}));
}

TEST(Batcher, CloseSendsOffTheLastBatchThenEnds) {
    Batcher batcher = make_batcher(4, 2);
    put(batcher, 1);
    batcher.close();
    EXPECT_TRUE(batcher.pop(device::host_stream(), {}).has_value());
    EXPECT_FALSE(batcher.pop(device::host_stream(), {}).has_value());
}

TEST(Batcher, StopEndsAWaitForMemoryAndAWaitForABatch) {
    Batcher batcher = make_batcher(1, 1);
    put(batcher, 1);
    std::stop_source stop;
    bool reserved = true;
    bool popped = true;
    {
        const std::jthread lane([&] { reserved = batcher.reserve(stop.get_token()).has_value(); });
        stop.request_stop();
    }
    EXPECT_FALSE(reserved);
    (void)batcher.pop(device::host_stream(), {});
    std::stop_source stop_worker;
    {
        const std::jthread worker(
            [&] { popped = batcher.pop(device::host_stream(), stop_worker.get_token()).has_value(); });
        stop_worker.request_stop();
    }
    EXPECT_FALSE(popped);
}

TEST(Batcher, AtMostSoManyBatchesExist) {
    Batcher batcher = make_batcher(1, 2);
    put(batcher, 1);
    put(batcher, 2);
    std::optional<Batch> held = batcher.pop(device::host_stream(), {});
    std::atomic<bool> third{false};
    const std::jthread lane([&] {
        put(batcher, 3);
        third = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(third);
    held.reset();
    EXPECT_EQ(pts_of(*batcher.pop(device::host_stream(), {})), (std::vector<std::int64_t>{2}));
    EXPECT_EQ(pts_of(*batcher.pop(device::host_stream(), {})), (std::vector<std::int64_t>{3}));
}

// Lanes that flush at their own times, workers that race: every frame arrives once, with its own values, and a lane's
// frames lie in their order within the order of batches.
TEST(Batcher, SeveralLanesAndWorkers) {
    constexpr int lanes = 3;
    constexpr int frames = 300;
    Batcher batcher = make_batcher(4, 4, std::chrono::milliseconds(1));
    std::mutex mutex;
    std::map<std::int64_t, int> seen;
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> workers;
        for (int worker = 0; worker < 2; ++worker) {
            workers.emplace_back([&] {
                while (const std::optional<Batch> batch = batcher.pop(device::host_stream(), {})) {
                    std::map<std::int64_t, std::int64_t> last;
                    for (std::size_t slot = 0; slot < batch->owners.size(); ++slot) {
                        const std::int64_t pts = batch->owners[slot].tag.pts;
                        const float* values = batch->input.at(static_cast<std::int64_t>(slot)).as<float>();
                        for (std::int64_t i = 0; i < slot_values; ++i) wrong += values[i] != static_cast<float>(pts);
                        auto [before, is_first] = last.try_emplace(pts / 1000, pts);
                        wrong += !is_first && before->second >= pts;
                        before->second = pts;
                        const std::lock_guard lock(mutex);
                        ++seen[pts];
                    }
                }
            });
        }
        {
            std::vector<std::jthread> threads;
            for (int lane = 0; lane < lanes; ++lane) {
                threads.emplace_back([&, lane] {
                    for (int frame = 0; frame < frames; ++frame) {
                        put(batcher, lane * 1000 + frame);
                        if (frame % (7 + lane) == 0) batcher.flush();
                    }
                    batcher.flush();
                });
            }
        }
        batcher.close();
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(lanes * frames));
    for (const auto& [pts, times] : seen) EXPECT_EQ(times, 1) << pts;
}

}  // namespace
}  // namespace millrace::pipeline
