#include "engine/gil_waits.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/script_messages.h"

namespace millrace::engine {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using enum ScriptThread;

TEST(GilWaits, WithoutSamplesSayNothing) {
    EXPECT_EQ(GilWaits().report().samples, 0);
    Report report;
    report.script.workers = 1;
    EXPECT_TRUE(nlohmann::json::parse(to_json(report)).at("script").at("gil").is_null());
}

TEST(GilWaits, SharesAreOfAllSamples) {
    GilWaits waits;
    for (int i = 0; i < 5; ++i) waits.add(microseconds(10), ran);
    waits.add(microseconds(1000), stood_behind_others);  // not longer than is noticed
    waits.add(milliseconds(5), ran);
    waits.add(milliseconds(5), ran);
    waits.add(milliseconds(5), stood_behind_others);
    waits.add(milliseconds(7), stood_behind_others);
    const GilReport report = waits.report();
    EXPECT_EQ(report.samples, 10);
    EXPECT_DOUBLE_EQ(report.waited_share, 0.4);
    EXPECT_DOUBLE_EQ(report.held_up_share, 0.2);
}

TEST(GilWaits, PercentilesAreAtMostAFifthTooHigh) {
    GilWaits waits;
    for (int i = 1; i <= 1000; ++i) waits.add(microseconds(100 * i), ran);
    const GilReport report = waits.report();
    EXPECT_GE(report.wait_p50_seconds, 0.050);
    EXPECT_LE(report.wait_p50_seconds, 0.050 * 1.2);
    EXPECT_GE(report.wait_p95_seconds, 0.095);
    EXPECT_LE(report.wait_p95_seconds, 0.095 * 1.2);
}

TEST(GilWaits, EveryWaitHasABucket) {
    GilWaits waits;
    waits.add(std::chrono::nanoseconds(0), ran);
    EXPECT_DOUBLE_EQ(waits.report().wait_p50_seconds, 1e-6);
    waits.add(hours(1000), ran);
    EXPECT_EQ(waits.report().samples, 2);
    EXPECT_GT(waits.report().wait_p95_seconds, 3000);
}

TEST(GilWaits, OfSeveralProcessesAreOfAllTheirSamples) {
    GilWaits busy;
    GilWaits idle;
    for (int i = 0; i < 10; ++i) busy.add(milliseconds(10), stood_behind_others);
    for (int i = 0; i < 30; ++i) idle.add(microseconds(2), ran);
    WorkerReport worker;
    worker.gil = busy;
    idle.add(report_from_message(to_message(worker)).gil);
    const GilReport report = idle.report();
    EXPECT_EQ(report.samples, 40);
    EXPECT_DOUBLE_EQ(report.held_up_share, 0.25);
    EXPECT_DOUBLE_EQ(report.wait_p50_seconds, 2e-6);
    EXPECT_GE(report.wait_p95_seconds, 0.010);
}

}  // namespace
}  // namespace millrace::engine
