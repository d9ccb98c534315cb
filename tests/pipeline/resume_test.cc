// What an earlier run left is used, and the files become those of a run that was never interrupted.

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::differing;
using test::error_of;
using test::FakeJob;
using test::kinds_of_jobs;
using test::Rig;

RC_GTEST_PROP(Resume, WhateverIsLeftTheFilesBecomeThoseOfAnUninterruptedRun, ()) {
    const FakeJob settings = *rc::gen::elementOf(kinds_of_jobs());
    Rig rig(settings);
    (void)rig.run();
    const std::map<int, std::string> whole = rig.files();
    std::int64_t kept = 0;
    for (const Segment& segment : rig.job.input.segments) {
        if (*rc::gen::arbitrary<bool>()) {
            rig.forget(segment.number);
        } else {
            ++kept;
        }
    }
    const RunResult result = rig.run();
    RC_ASSERT(differing(whole, rig.files()).empty());
    RC_ASSERT(result.segments_reused == kept);
    RC_ASSERT(result.frames_reused == kept * 10);
    RC_ASSERT(result.records.size() == whole.size());
}

TEST(Resume, AStopEndsTheRunAndTheNextOneCompletesIt) {
    for (const FakeJob& settings : kinds_of_jobs()) {
        Rig whole(settings);
        (void)whole.run();
        Rig rig(settings);
        std::stop_source stop;
        rig.codec.on_send = [&](std::int64_t pts) {
            if (pts >= 330) stop.request_stop();
        };
        const core::Error error = error_of([&] { (void)rig.run(stop.get_token()); });
        EXPECT_EQ(error.code(), core::ErrorCode::interrupted);
        EXPECT_NE(std::string(error.what()).find("of 6 segments finished; run the same command to continue"),
                  std::string::npos)
            << error.what();
        EXPECT_LT(rig.files().size(), 6U);
        rig.codec.on_send = nullptr;
        (void)rig.run();
        EXPECT_EQ(differing(whole.files(), rig.files()), std::vector<int>{});
    }
}

TEST(Resume, AFinishedJobDoesNothing) {
    Rig rig(FakeJob{});
    (void)rig.run();
    const int readers = rig.video.readers;
    const RunResult again = rig.run();
    EXPECT_EQ(again.segments_reused, 6);
    EXPECT_EQ(rig.video.readers, readers);
}

}  // namespace
}  // namespace millrace::pipeline
