#include "pipeline/encoder_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::FakeJob;
using test::Rig;

TEST(EncoderSlots, AreAsManyAsWereAdded) {
    EncoderSlots slots;
    EXPECT_EQ(slots.try_take(), nullptr);
    slots.add(2);
    const EncoderSlots::Slot first = slots.try_take();
    EncoderSlots::Slot second = slots.take(7, {});
    EXPECT_NE(first, nullptr);
    EXPECT_NE(second, nullptr);
    EXPECT_EQ(slots.try_take(), nullptr);
    second.reset();
    EXPECT_NE(slots.try_take(), nullptr);
}

TEST(EncoderSlots, LetInTheEarliestSegmentOfThoseThatWait) {
    EncoderSlots slots;
    std::vector<int> order;  // guarded by the one slot
    std::vector<std::jthread> segments;
    for (const int segment : {9, 3, 5}) {
        segments.emplace_back([&, segment] {
            const EncoderSlots::Slot slot = slots.take(segment, {});
            order.push_back(segment);
        });
    }
    while (slots.waiting() < 3) std::this_thread::yield();
    EXPECT_EQ(slots.try_take(), nullptr);
    slots.add(1);
    segments.clear();
    EXPECT_EQ(order, (std::vector<int>{3, 5, 9}));
}

TEST(EncoderSlots, AStopEndsTheWait) {
    EncoderSlots slots;
    std::stop_source stop;
    EncoderSlots::Slot slot = std::make_shared<int>(0);
    {
        const std::jthread waiter([&] { slot = slots.take(1, stop.get_token()); });
        stop.request_stop();
    }
    EXPECT_EQ(slot, nullptr);
    slots.add(1);
    EXPECT_NE(slots.try_take(), nullptr);  // whoever stopped waits no more
}

// With context, that of a segment that ends may be open besides. Context longer than the segments is no deadlock.
TEST(EncoderSlots, ARunHasAnEncoderALane) {
    for (const int context : {0, 4, 13}) {
        for (const int lanes : {1, 2, 4}) {
            FakeJob settings;
            settings.frames = 300;
            settings.context_frames = context;
            settings.lanes = lanes;
            Rig rig(settings);
            rig.job.limits.first_lanes = lanes;
            EXPECT_EQ(rig.run().records.size(), 30U);
            if (context == 0) {
                EXPECT_LE(rig.codec.most_open, lanes);
            }
            EXPECT_EQ(rig.codec.open, 0);
        }
    }
}

}  // namespace
}  // namespace millrace::pipeline
