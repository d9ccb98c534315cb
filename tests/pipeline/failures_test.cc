// A part of the job fails: all threads end, and what was finished stays.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline {
namespace {

using test::differing;
using test::error_of;
using test::fake_model;
using test::FakeJob;
using test::Rig;

// Which of the job's parts fails, and how far it got.
struct Fault {
    const char* what;
    std::function<void(Rig&, const std::function<void()>& fail)> plant;
};

std::vector<Fault> faults() {
    return {
        {"opening the input",
         [](Rig& rig, const auto& fail) {
             rig.backends.open_reader = [fail](std::size_t) -> std::unique_ptr<media::FrameReader> {
                 fail();
                 return nullptr;
             };
         }},
        {"the first frame", [](Rig& rig, const auto& fail) { rig.video.on_frame = [fail](std::int64_t) { fail(); }; }},
        {"a frame in the middle",
         [](Rig& rig, const auto& fail) {
             rig.video.on_frame = [fail](std::int64_t pts) {
                 if (pts == 350) fail();
             };
         }},
        {"opening an encoder",
         [](Rig& rig, const auto& fail) {
             rig.backends.make_encoder = [fail](std::size_t) -> std::unique_ptr<media::Encoder> {
                 fail();
                 return nullptr;
             };
         }},
        {"encoding",
         [](Rig& rig, const auto& fail) {
             rig.codec.on_send = [fail](std::int64_t pts) {
                 if (pts == 220) fail();
             };
         }},
        {"the model", [](Rig& rig, const auto& fail) { rig.sessions.front()->on_run = fail; }},
    };
}

TEST(Failures, TheFirstErrorEndsAllThreadsAndIsThrown) {
    for (const Fault& fault : faults()) {
        FakeJob settings;
        settings.context_frames = 4;
        settings.model = fake_model({1, 1}, 2);
        settings.model_workers = 2;
        Rig rig(settings);
        fault.plant(rig, [&] { throw core::Error(core::ErrorCode::bad_input, fault.what); });
        const core::Error error = error_of([&] { (void)rig.run(); });
        EXPECT_STREQ(error.what(), fault.what);
        EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    }
}

TEST(Failures, WhatWasFinishedBeforeStaysAndIsUsed) {
    FakeJob settings;
    settings.context_frames = 4;
    Rig whole(settings);
    (void)whole.run();
    Rig rig(settings);
    rig.codec.on_send = [](std::int64_t pts) {
        if (pts == 450) throw core::Error(core::ErrorCode::no_space, "full");
    };
    EXPECT_EQ(error_of([&] { (void)rig.run(); }).code(), core::ErrorCode::no_space);
    rig.codec.on_send = nullptr;
    EXPECT_GT(rig.run().segments_reused, 0);
    EXPECT_EQ(differing(whole.files(), rig.files()), std::vector<int>{});
}

TEST(Failures, AnObserverThatThrowsEndsTheRunToo) {
    Rig rig(FakeJob{});
    std::atomic<bool> observed{false};
    rig.video.on_frame = [&](std::int64_t) { observed.wait(false); };
    rig.observe = [&](const RunProgress&) {
        observed = true;
        observed.notify_all();
        throw core::Error(core::ErrorCode::failed, "from the observer");
    };
    EXPECT_STREQ(error_of([&] { (void)rig.run(); }).what(), "from the observer");
}

TEST(Failures, AnEncoderThatLosesAPacketIsAnError) {
    Rig rig(FakeJob{});
    rig.codec.lookahead = 2;
    rig.codec.loses_last_packet = true;
    const core::Error error = error_of([&] { (void)rig.run(); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_STREQ(error.what(), "segment 0: fake gave 9 packets for 10 frames");
    EXPECT_TRUE(rig.files().empty());
}

}  // namespace
}  // namespace millrace::pipeline
