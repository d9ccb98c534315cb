#include "pipeline/bounded_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace millrace::pipeline {
namespace {

using core::Pop;
using core::Push;

TEST(BoundedQueue, IsFirstInFirstOut) {
    BoundedQueue<int> queue(3);
    for (const int value : {7, 8, 9}) EXPECT_EQ(queue.push(value, {}), Push::pushed);
    for (const int value : {7, 8, 9}) {
        int out = 0;
        EXPECT_EQ(queue.pop(out, {}), Pop::popped);
        EXPECT_EQ(out, value);
    }
}

TEST(BoundedQueue, GivesWhatItHoldsAfterClosingThenEnds) {
    BoundedQueue<int> queue(2);
    EXPECT_EQ(queue.push(1, {}), Push::pushed);
    queue.close();
    int out = 0;
    EXPECT_EQ(queue.pop(out, {}), Pop::popped);
    EXPECT_EQ(out, 1);
    EXPECT_EQ(queue.pop(out, {}), Pop::ended);
    EXPECT_EQ(queue.pop(out, {}), Pop::ended);
    EXPECT_EQ(out, 1);
}

TEST(BoundedQueue, CloseWakesAWaitingPop) {
    BoundedQueue<int> queue(2);
    Pop popped = Pop::popped;
    {
        const std::jthread waiter([&] {
            int out = 0;
            popped = queue.pop(out, {});
        });
        queue.close();
    }
    EXPECT_EQ(popped, Pop::ended);
}

TEST(BoundedQueue, StopWakesAWaitingPop) {
    BoundedQueue<int> queue(2);
    std::stop_source stop;
    Pop popped = Pop::popped;
    {
        const std::jthread waiter([&] {
            int out = 0;
            popped = queue.pop(out, stop.get_token());
        });
        stop.request_stop();
    }
    EXPECT_EQ(popped, Pop::cancelled);
}

TEST(BoundedQueue, StopWakesAPushIntoAFullQueueWhichDoesNotTakeTheItem) {
    BoundedQueue<std::shared_ptr<int>> queue(1);
    std::stop_source stop;
    EXPECT_EQ(queue.push(std::make_shared<int>(1), stop.get_token()), Push::pushed);
    Push pushed = Push::pushed;
    const auto item = std::make_shared<int>(2);
    {
        const std::jthread waiter([&] { pushed = queue.push(item, stop.get_token()); });
        stop.request_stop();
    }
    EXPECT_EQ(pushed, Push::cancelled);
    EXPECT_EQ(item.use_count(), 1);
    queue.close();
    std::shared_ptr<int> out;
    EXPECT_EQ(queue.pop(out, {}), Pop::popped);
    EXPECT_EQ(*out, 1);
    EXPECT_EQ(queue.pop(out, {}), Pop::ended);
}

TEST(BoundedQueue, NeverHoldsMoreThanItsCapacity) {
    constexpr int items = 2000;
    constexpr int capacity = 3;
    BoundedQueue<int> queue(capacity);
    std::atomic<int> pushed{0};
    std::atomic<int> most{0};
    int popped = 0;
    {
        const std::jthread producer([&] {
            for (int i = 0; i < items; ++i) {
                queue.push(i, {});
                ++pushed;
            }
            queue.close();
        });
        int out = 0;
        while (queue.pop(out, {}) == Pop::popped) {
            EXPECT_EQ(out, popped);
            // What was pushed for sure and not yet popped, this one included, lay in the queue.
            most = std::max(most.load(), pushed.load() - popped);
            ++popped;
        }
    }
    EXPECT_EQ(popped, items);
    EXPECT_LE(most, capacity + 1);  // one more: pushed while this one was on its way out
}

TEST(BoundedQueue, EachItemGoesToOneOfSeveralThreadsAndEachThreadsOrderIsKept) {
    constexpr int producers = 3;
    constexpr int items = 500;
    BoundedQueue<std::pair<int, int>> queue(4);
    std::vector<std::vector<std::pair<int, int>>> taken(3);
    {
        std::vector<std::jthread> consumers;
        for (auto& mine : taken) {
            consumers.emplace_back([&queue, &mine] {
                std::pair<int, int> out;
                while (queue.pop(out, {}) == Pop::popped) mine.push_back(out);
            });
        }
        {
            std::vector<std::jthread> threads;
            for (int producer = 0; producer < producers; ++producer) {
                threads.emplace_back([&queue, producer] {
                    for (int i = 0; i < items; ++i) queue.push({producer, i}, {});
                });
            }
        }
        queue.close();
    }
    std::vector<std::pair<int, int>> all;
    for (const auto& mine : taken) {
        for (int producer = 0; producer < producers; ++producer) {
            int last = -1;
            for (const auto& [from, i] : mine) {
                if (from != producer) continue;
                EXPECT_GT(i, last);
                last = i;
            }
        }
        all.insert(all.end(), mine.begin(), mine.end());
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), static_cast<std::size_t>(producers * items));
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace millrace::pipeline
