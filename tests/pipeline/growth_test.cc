#include "pipeline/growth.h"

#include <gtest/gtest.h>

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

TEST(Growth, EncodersThatAreBehindGetOneMoreWhereCoresAreIdle) {
    Growth growth(many_cores, {at_once, 8});
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, many}), 1);
}

TEST(Growth, EncodersThatHaveAllCoresGetOneMoreForTheLastSegmentsOnly) {
    Growth growth(no_cores, {at_once, 8});
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, many}), 0);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, 5}), 0);
    EXPECT_EQ(growth.wanted_lanes({Next::is_blocked, 4, 4}), 1);
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
