#include "pipeline/encoder_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::fake_model;
using test::FakeJob;
using test::Rig;

bool has_one_free(EncoderSlots& slots) {
    const auto stopped = std::make_unique<std::stop_source>();
    stopped->request_stop();
    return slots.take(0, stopped->get_token()) != nullptr;
}

TEST(EncoderSlots, AreAsManyAsWereAdded) {
    EncoderSlots slots;
    EXPECT_FALSE(has_one_free(slots));
    slots.add(2);
    const EncoderSlots::Slot first = slots.take(7, {});
    EncoderSlots::Slot second = slots.take(8, {});
    EXPECT_NE(first, nullptr);
    EXPECT_NE(second, nullptr);
    EXPECT_FALSE(has_one_free(slots));
    second.reset();
    EXPECT_TRUE(has_one_free(slots));
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
    EXPECT_TRUE(has_one_free(slots));  // whoever stopped waits no more
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

// Numbers of frames as lanes came to them.
class Reached {
  public:
    void set(std::int64_t frame) {
        {
            const std::scoped_lock lock(mutex_);
            frames_.insert(frame);
        }
        changed_.notify_all();
    }
    void wait(std::int64_t frame) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return frames_.contains(frame); });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<std::int64_t> frames_;
};

// The first segment comes last, when both encoders may be taken; the one that has begun the third segment needs the
// model for the rest of its head, which the second segment waits for.
TEST(EncoderSlots, ASegmentThatWaitsLeavesTheModelToOthers) {
    for (int round = 0; round < 20; ++round) {
        FakeJob settings;
        settings.context_frames = 4;
        settings.lanes = 2;
        settings.model = fake_model({}, 1);
        Rig rig(settings);
        rig.job.limits.first_lanes = 2;
        Reached reached;
        rig.video.on_frame = [&](std::int64_t pts) {
            const std::int64_t frame = pts / 10;
            reached.set(frame);
            if (frame == 0) reached.wait(22);
            if (frame == 23) reached.wait(6);
        };
        EXPECT_EQ(rig.run().records.size(), 6U);
    }
}

}  // namespace
}  // namespace millrace::pipeline
