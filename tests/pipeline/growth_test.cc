#include "pipeline/growth.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace millrace::pipeline {
namespace {

constexpr std::chrono::milliseconds at_once{0};
constexpr int many_cores = 1 << 20;  // of which this process leaves nearly all idle
constexpr int no_cores = 0;          // so that none is idle
constexpr std::size_t many = 1000;   // segments

TEST(Growth, AModelThatStarvesGetsOneLaneOrAsManyAsThereAre) {
    Growth slow(many_cores, {at_once, 1});
    EXPECT_EQ(slow.wanted_lanes({Next::starves, 4, many}), 1);
    Growth fast(many_cores, {at_once, 8});
    EXPECT_EQ(fast.wanted_lanes({Next::starves, 4, many}), 4);
    EXPECT_EQ(fast.wanted_lanes({Next::starves, 16, many}), 8);
}

TEST(Growth, EncodersThatAreBehindGetHalfAsManyMoreWhereCoresAreIdle) {
    Growth growth(many_cores, {at_once, 8});
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 1, many}), 1);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, many}), 2);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 8, many}), 4);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 64, many}), 8);
    Growth slow(many_cores, {at_once, 1});
    EXPECT_EQ(slow.wanted_lanes({Next::is_blocked, 64, many}), 1);
}

/// The first answer after an interval in which `seen` was seen once in `period` looks, and a model at work else.
int answer_to(Next seen, int period) {
    constexpr int looks = 64;
    Growth growth(many_cores, {std::chrono::milliseconds(400), 8});
    for (int i = 0; i < looks - 1; ++i) {
        if (growth.wanted_lanes({i % period == 0 ? seen : Next::works, 4, many}) != 0) return -1;  // too slow a machine
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(420));
    return growth.wanted_lanes({Next::works, 4, many});
}

TEST(Growth, AModelThatWaitsForEncodersNowAndThenGetsMoreOfThem) {
    EXPECT_EQ(answer_to(Next::is_blocked, 4), 2);
    EXPECT_EQ(answer_to(Next::is_blocked, 16), 0);
    EXPECT_EQ(answer_to(Next::starves, 4), 0);
}

TEST(Growth, EncodersThatHaveAllCoresGetOneMoreForTheLastSegmentsOnly) {
    Growth growth(no_cores, {at_once, 8});
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, many}), 0);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, 5}), 0);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, 4}), 2);
}

TEST(Growth, AModelAtWorkNeedsNothing) {
    Growth growth(many_cores, {at_once, 8});
    EXPECT_EQ(growth.wanted_lanes({Next::works, 4, many}), 0);
    EXPECT_EQ(growth.wanted_lanes({Next::works, 4, 1}), 0);
}

TEST(Growth, NothingIsSaidBeforeTheIntervalIsOver) {
    Growth growth(many_cores, {std::chrono::hours(1), 8});
    EXPECT_EQ(growth.wanted_lanes({Next::starves, 4, many}), 0);
}

}  // namespace
}  // namespace millrace::pipeline
