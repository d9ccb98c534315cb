#include "pipeline/growth.h"

#include <gtest/gtest.h>

#include <chrono>

namespace millrace::pipeline {
namespace {

using std::chrono::milliseconds;

constexpr int cores = 16;
constexpr double idle = 2;   // of the cores work
constexpr double full = 15;  // of the cores work
constexpr std::size_t many = 1000;
constexpr GrowthPace even{milliseconds(300), milliseconds(300)};
constexpr GrowthPace patient{milliseconds(300), milliseconds(1500)};

/// A run of which a look is taken every 20 ms.
class Looks {
  public:
    explicit Looks(GrowthPace pace, double at_work = idle) : at_work_(at_work), growth_(cores, pace, see({})) {}

    struct Station {
        Next next = Next::works;
        int lanes = 0;
        std::size_t left = many;
    };

    int look(const Station& station) {
        now_ += milliseconds(20);
        return growth_.wanted_lanes(see(station));
    }

    /// The first answer that is not 0 within so many milliseconds, else 0.
    int look_for(int time, const Station& station) {
        for (int passed = 0; passed < time; passed += 20) {
            if (const int wanted = look(station)) return wanted;
        }
        return 0;
    }

  private:
    [[nodiscard]] Growth::Seen see(const Station& station) const {
        const double seconds = std::chrono::duration<double>(now_.time_since_epoch()).count();
        return {station.next, station.lanes, station.left, now_, at_work_ * seconds};
    }

    Clock::time_point now_;
    double at_work_;
    Growth growth_;
};

TEST(Growth, AModelThatStarvesGetsAsManyLanesAsThereAre) {
    Looks looks(even);
    EXPECT_EQ(looks.look_for(280, {Next::starves, 1}), 0);
    EXPECT_EQ(looks.look_for(20, {Next::starves, 1}), 1);
    EXPECT_EQ(looks.look_for(300, {Next::starves, 4}), 4);
    EXPECT_EQ(looks.look_for(300, {Next::starves, 16}), 8);
}

TEST(Growth, EncodersThatAreBehindGetHalfAsManyMoreWhereCoresAreIdle) {
    Looks looks(even);
    EXPECT_EQ(looks.look_for(300, {Next::is_blocked, 1}), 1);
    EXPECT_EQ(looks.look_for(300, {Next::is_blocked, 4}), 2);
    EXPECT_EQ(looks.look_for(300, {Next::is_blocked, 8}), 4);
    EXPECT_EQ(looks.look_for(300, {Next::is_blocked, 64}), 8);
}

TEST(Growth, EncodersAreGivenTimeToLookAheadAndAStarvingModelIsNot) {
    Looks looks(patient);
    EXPECT_EQ(looks.look_for(1480, {Next::is_blocked, 4}), 0);
    EXPECT_EQ(looks.look_for(20, {Next::is_blocked, 4}), 2);
    EXPECT_EQ(looks.look_for(300, {Next::starves, 4}), 4);
}

TEST(Growth, AModelThatWaitsForEncodersNowAndThenGetsMoreOfThem) {
    const auto answer = [](Next seen, int period) {
        Looks looks(even);
        for (int i = 0; i < 14; ++i) EXPECT_EQ(looks.look({i % period == 0 ? seen : Next::works, 4}), 0);
        return looks.look({Next::works, 4});
    };
    EXPECT_EQ(answer(Next::is_blocked, 4), 2);
    EXPECT_EQ(answer(Next::is_blocked, 14), 0);
    EXPECT_EQ(answer(Next::starves, 4), 0);
}

TEST(Growth, EncodersThatHaveAllCoresGetMoreForTheLastSegmentsOnly) {
    Looks looks(even, full + 0.3);
    EXPECT_EQ(looks.look_for(600, {Next::is_blocked, 4}), 0);
    EXPECT_EQ(looks.look_for(600, {Next::is_blocked, 4, 5}), 0);
    EXPECT_EQ(looks.look_for(300, {Next::is_blocked, 4, 4}), 2);
    Looks nearly(even, full);
    EXPECT_EQ(nearly.look_for(300, {Next::is_blocked, 4}), 2);
}

TEST(Growth, WhatThereIsMoreOfIsGivenTimeToShow) {
    Looks looks(patient);
    EXPECT_EQ(looks.look_for(1200, {Next::is_blocked, 1}), 0);
    EXPECT_EQ(looks.look_for(300, {Next::starves, 1}), 1);  // its window was over
    EXPECT_EQ(looks.look_for(1480, {Next::is_blocked, 2}), 0);
    EXPECT_EQ(looks.look_for(20, {Next::is_blocked, 2}), 1);
}

TEST(Growth, AModelAtWorkNeedsNothing) {
    Looks looks(even);
    EXPECT_EQ(looks.look_for(3000, {Next::works, 4}), 0);
    EXPECT_EQ(looks.look_for(3000, {Next::works, 4, 1}), 0);
}

}  // namespace
}  // namespace millrace::pipeline
