#include "pipeline/context_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace millrace::pipeline {
namespace {

using core::Pop;
using core::Push;

device::Picture picture(std::int64_t pts, std::shared_ptr<void> owner = std::make_shared<int>(0)) {
    device::Picture made;
    made.pts = pts;
    made.owner = std::move(owner);
    return made;
}

TEST(ContextQueue, HoldsAllThatIsGivenUntilItIsTakenInOrder) {
    ContextQueue queue;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.give(picture(i), {}), Push::pushed);
    queue.close();
    device::Picture out;
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(queue.take(out, {}), Pop::popped);
        EXPECT_EQ(out.pts, i);
    }
    EXPECT_EQ(queue.take(out, {}), Pop::ended);
}

TEST(ContextQueue, GivesNoFurtherAheadThanItsTakerTakes) {
    constexpr int pictures = 500;
    ContextQueue queue;
    EXPECT_EQ(queue.give(picture(0), {}), Push::pushed);
    device::Picture out;
    ASSERT_EQ(queue.take(out, {}), Pop::popped);
    std::atomic<int> given{1};
    const std::jthread giver([&] {
        for (int i = 1; i < pictures; ++i) {
            queue.give(picture(i), {});
            ++given;
        }
        queue.close();
    });
    int taken = 1;
    while (queue.take(out, {}) == Pop::popped) {
        // What was given for sure and not yet taken, this one included, lay in the queue.
        EXPECT_LE(given - taken, static_cast<int>(ContextQueue::ahead) + 1);
        EXPECT_EQ(out.pts, taken++);
    }
    EXPECT_EQ(taken, pictures);
}

TEST(ContextQueue, LetsGoOfPicturesThatNobodyWillTake) {
    ContextQueue queue;
    const auto waiting = std::make_shared<int>(0);
    queue.give(picture(0), {});
    queue.give(picture(1, waiting), {});
    device::Picture out;
    ASSERT_EQ(queue.take(out, {}), Pop::popped);
    queue.leave();
    EXPECT_EQ(waiting.use_count(), 1);
    const auto late = std::make_shared<int>(0);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.give(picture(2, late), {}), Push::pushed);  // and does not block
    EXPECT_EQ(late.use_count(), 1);
}

TEST(ContextQueue, AStopWakesBothSides) {
    ContextQueue empty;
    ContextQueue full;
    device::Picture taken;
    full.give(picture(0), {});
    ASSERT_EQ(full.take(taken, {}), Pop::popped);
    for (std::size_t i = 0; i < ContextQueue::ahead; ++i) full.give(picture(1), {});
    std::stop_source stop;
    Pop popped = Pop::popped;
    Push pushed = Push::pushed;
    {
        const std::jthread taker([&] {
            device::Picture out;
            popped = empty.take(out, stop.get_token());
        });
        const std::jthread giver([&] { pushed = full.give(picture(2), stop.get_token()); });
        stop.request_stop();
    }
    EXPECT_EQ(popped, Pop::cancelled);
    EXPECT_EQ(pushed, Push::cancelled);
}

// A taker that went on with the pictures behind a lost one would encode its segment otherwise than an uninterrupted
// run.
TEST(ContextQueue, AStopThatLosesAPictureLosesAllBehindIt) {
    ContextQueue queue;
    device::Picture out;
    queue.give(picture(0), {});
    ASSERT_EQ(queue.take(out, {}), Pop::popped);
    for (std::size_t i = 0; i < ContextQueue::ahead; ++i) queue.give(picture(1), {});
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(queue.give(picture(2), stop.get_token()), Push::cancelled);
    ASSERT_EQ(queue.take(out, stop.get_token()), Pop::popped);
    EXPECT_EQ(queue.give(picture(3), stop.get_token()), Push::cancelled);
    queue.close();
    for (std::size_t i = 1; i < ContextQueue::ahead; ++i) {
        ASSERT_EQ(queue.take(out, stop.get_token()), Pop::popped);
        EXPECT_EQ(out.pts, 1);
    }
    EXPECT_EQ(queue.take(out, stop.get_token()), Pop::cancelled);
}

}  // namespace
}  // namespace millrace::pipeline
