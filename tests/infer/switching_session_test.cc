// Serving while another session is made, with sessions that multiply.

#include "infer/switching_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "infer/model_fixture.h"
#include "support/fake_session.h"

namespace millrace::infer {
namespace {

using millrace::test::fake_model;
using millrace::test::FakeEngines;
using millrace::test::FakeSession;
using millrace::test::FakeWork;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Size small{2, 2};

std::unique_ptr<Session> multiplying(float gain) {
    return std::make_unique<FakeSession>(fake_model(), small, FakeWork{gain, {}});
}

/// What `session` makes of a batch of 0.5.
float run(Session& session) {
    const Tensors inputs = lease_all(session.input_descs());
    Tensors outputs = lease_all(session.output_descs());
    std::fill_n(inputs[0].as<float>(), inputs[0].desc.element_count(), 0.5F);
    session.run(session.stream(), {inputs, outputs});
    const std::span values(outputs[0].as<float>(), static_cast<std::size_t>(outputs[0].desc.element_count()));
    for (const float value : values) EXPECT_EQ(value, values.front()) << "a batch of one session";
    return values.front();
}

void wait_until_not(const SwitchingSession& session, SwitchState state) {
    while (session.state() == state) std::this_thread::yield();
}

TEST(SwitchingSession, ServesMeanwhileAndSwitchesBetweenTwoRuns) {
    std::latch made(1);
    SwitchingSession session(
        multiplying(1),
        [&](const std::stop_token&) {
            made.wait();
            return multiplying(1.001F);
        },
        3);
    const device::StreamRef stream = session.stream();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(run(session), 0.5F);
    EXPECT_EQ(session.state(), SwitchState::making);
    EXPECT_TRUE(session.report().notes.empty());
    made.count_down();
    wait_until_not(session, SwitchState::making);
    EXPECT_EQ(session.state(), SwitchState::checking);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(run(session), 0.5F) << "compared run " << i;
    EXPECT_EQ(session.state(), SwitchState::switched);
    EXPECT_EQ(run(session), 0.5F * 1.001F);
    EXPECT_EQ(session.stream(), stream);
    // 20 log10(1 / 0.0005)
    EXPECT_THAT(session.report().notes, ElementsAre("fake.onnx: switched to another session after 3 batches; the last "
                                                    "one: 66.0 dB of PSNR against the session before"));
}

TEST(SwitchingSession, AFailedCheckKeepsTheFormerSession) {
    SwitchingSession session(multiplying(1), [](const std::stop_token&) { return multiplying(1.5F); });
    wait_until_not(session, SwitchState::making);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(run(session), 0.5F);
    EXPECT_EQ(session.state(), SwitchState::kept);
    EXPECT_THAT(session.report().notes,
                ElementsAre("fake.onnx: not switched to another session: its results are too far off: 12.0 dB of PSNR "
                            "against the session before"));
}

TEST(SwitchingSession, ASessionThatFailsLaterIsNotSwitchedTo) {
    int runs = 0;
    const auto fail_at_second = [&] {
        if (++runs == 2) throw std::runtime_error("the device is gone");
    };
    SwitchingSession session(multiplying(1), [&](const std::stop_token&) {
        return std::make_unique<FakeSession>(fake_model(), small, FakeWork{1, fail_at_second});
    });
    wait_until_not(session, SwitchState::making);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(run(session), 0.5F);
    EXPECT_EQ(session.state(), SwitchState::kept);
    EXPECT_EQ(runs, 2);
    EXPECT_THAT(session.report().notes, ElementsAre(HasSubstr("the device is gone")));
}

TEST(SwitchingSession, WhatCannotBeMadeKeepsTheFormerSession) {
    const auto fate = [](SwitchingSession::Make make) {
        SwitchingSession session(multiplying(1), std::move(make));
        wait_until_not(session, SwitchState::making);
        EXPECT_EQ(run(session), 0.5F);
        EXPECT_EQ(session.state(), SwitchState::kept);
        return session.report().notes.at(0);
    };
    EXPECT_THAT(fate([](const std::stop_token&) -> std::unique_ptr<Session> {
                    throw core::Error(core::ErrorCode::failed, "TensorRT is missing");
                }),
                HasSubstr("TensorRT is missing"));
    EXPECT_THAT(fate([](const std::stop_token&) { return std::unique_ptr<Session>(); }), HasSubstr("there is none"));
    EXPECT_THAT(fate([](const std::stop_token&) {
                    return std::make_unique<FakeSession>(fake_model(), Size{4, 2}, FakeWork{});
                }),
                HasSubstr("its shapes are others"));
}

TEST(SwitchingSession, AFailingRunOfTheServingSessionIsTheCallers) {
    SwitchingSession session(
        std::make_unique<FakeSession>(fake_model(), small, FakeWork{1, [] { throw std::runtime_error("no memory"); }}),
        [](const std::stop_token&) { return multiplying(1); });
    wait_until_not(session, SwitchState::making);
    EXPECT_THROW((void)run(session), std::runtime_error);
    EXPECT_EQ(session.state(), SwitchState::checking);
}

TEST(SwitchingSession, EndsWhileTheOtherIsMade) {
    std::atomic<bool> stopped = false;
    {
        SwitchingSession session(multiplying(1), [&](const std::stop_token& stop) -> std::unique_ptr<Session> {
            while (!stop.stop_requested()) std::this_thread::yield();
            stopped = true;
            return nullptr;
        });
        EXPECT_EQ(run(session), 0.5F);
    }
    EXPECT_TRUE(stopped);
}

TEST(SwitchingSession, ManyThreadsGetOneSessionsResultEach) {
    SwitchingSession session(multiplying(1), [](const std::stop_token&) { return multiplying(1.001F); });
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> callers;
        for (int i = 0; i < 4; ++i) {
            callers.emplace_back([&] {
                int after = 0;
                while (after < 20) {
                    const bool switched = session.state() == SwitchState::switched;
                    const float result = run(session);
                    if (result != 0.5F && result != 0.5F * 1.001F) ++wrong;
                    if (switched && result == 0.5F) ++wrong;
                    after += switched ? 1 : 0;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
}

/// As a service uses it: the cache builds in the thread, whatever the former run left there.
TEST(SwitchingSession, AnEngineFromTheCacheIsSwitchedTo) {
    const TemporaryFolder folder;
    EngineCache cache(folder.path() / "engines");
    FakeEngines engines;
    const ModelDescription model = fake_model();
    const ModelRequest request;
    const EngineJob job{request, model, small};
    const EngineKey key = engine_key(job, engines, "ONNX Runtime 1.31.1", "NVIDIA H200 (sm_90)");

    struct Builder final : EngineBuilder {
        Builder(FakeEngines& runtime, const EngineJob& of) : engines(runtime), job(of) {}
        void build(const std::filesystem::path& place) override { engines.build(job, place, {}); }
        std::string check(const std::filesystem::path& /*place*/) override { return ""; }  // on real batches instead
        FakeEngines& engines;
        const EngineJob& job;
    };
    const auto make = [&](const std::stop_token& stop) {
        Builder builder(engines, job);
        return engines.load(job, cache.build(key, builder, WhileBusy::wait, stop).folder);
    };
    for (int service = 0; service < 3; ++service) {
        SwitchingSession session(multiplying(1), make, 1);
        wait_until_not(session, SwitchState::making);
        EXPECT_EQ(run(session), 0.5F);
        EXPECT_EQ(session.state(), SwitchState::switched);
        if (service == 1) std::ofstream(cache.find(key).folder / "model.engine") << "damaged";
    }
    EXPECT_EQ(engines.builds, 2) << "the second time found it, the third found it damaged";
}

}  // namespace
}  // namespace millrace::infer
