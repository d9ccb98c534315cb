// Runs with an engine: found, built, compared, or done without. A stand-in takes TensorRT's place.

#include "engine/engine_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <thread>
#include <utility>

#include "core/error.h"
#include "infer/engine_record.h"
#include "support/child_process.h"
#include "support/error_of.h"
#include "support/fake_session.h"
#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;
using infer::EngineStatus;
using millrace::test::error_of;
using millrace::test::FakeEngines;
using millrace::test::FakeSession;
using millrace::test::FakeWork;
using millrace::test::in_a_process;
using millrace::test::result_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr infer::Size video{640, 360};
constexpr float without_engine = 7;  // the fallback's gain

OpenedInput a_pipe() {
    InputOptions options;
    options.path = std::string(MILLRACE_SOURCE_DIR) + "/samples/bbb.mp4";
    OpenedInput input = open_input(options, {});
    input.options.path = "-";
    return input;
}

pipeline::ModelPlan plan() {
    pipeline::ModelPlan plan;
    plan.model = millrace::test::fake_model();
    plan.frame = video;
    plan.input = video;
    return plan;
}

class EngineSessionTest : public testing::Test {
  protected:
    CheckedSession make(Earlier earlier = Earlier::none) {
        const infer::ModelRequest request;
        const infer::EngineJob job{request, plan_.model, plan_.input};
        const EngineSource source{engines_, cache_, key_, wish_, holds_for_, building_, stop_.get_token()};
        const auto reference = [this] {
            ++references_;
            auto held = std::make_shared<int>();
            held_ = held;
            return multiplying(reference_gain_, [held] {});
        };
        const auto fallback = [this] {
            CheckedSession made;
            made.session = multiplying(without_engine, {});
            return made;
        };
        return make_engine_session(
            job, source, {reference, fallback, [this]() -> const Samples& { return samples_; }, has_frames_, rival_},
            earlier);
    }

    std::unique_ptr<infer::Session> multiplying(float gain, std::function<void()> before) {
        return std::make_unique<FakeSession>(plan_.model, plan_.input, FakeWork{gain, std::move(before)});
    }

    /// What a session multiplies by.
    float gain_of(infer::Session& session) {
        const std::vector<infer::Results> results = run_samples(session, samples_.entries());
        return results[0][0][0] / samples_.entries()[0].as<float>()[0];
    }

    [[nodiscard]] fs::path engine_file() const { return cache_.find(key_).folder / "model.engine"; }

    millrace::test::TemporaryFolder folder_;
    pipeline::ModelPlan plan_ = plan();
    Samples samples_{a_pipe(), {}, plan_};
    FakeEngines engines_;
    infer::EngineCache cache_{folder_ / "engines"};
    infer::EngineKey key_{{"model", "abc"}};
    Building building_ = [this](const BuildState& state) {
        EXPECT_GE(state.seconds, 0);
        EXPECT_LE(state.done, state.total);
        told_.push_back(state.done);
    };
    Wish wish_ = Wish::asked;
    std::map<std::string, std::string> holds_for_{{"GPU driver", "580"}};
    bool has_frames_ = true;
    std::function<std::unique_ptr<infer::Session>()> rival_;
    std::stop_source stop_;
    float reference_gain_ = 1;
    int references_ = 0;
    std::vector<int> told_;    ///< pieces done
    std::weak_ptr<int> held_;  ///< gone with the reference
};

TEST_F(EngineSessionTest, AnEngineIsBuiltAndComparedOnce) {
    engines_.gain = 1.001F;
    engines_.while_building = [&] { EXPECT_TRUE(held_.expired()) << "the device's memory is for one"; };
    const CheckedSession built = make();
    EXPECT_EQ(built.engine.status, EngineStatus::ready);
    EXPECT_EQ(built.engine.digest.size(), 16U);
    EXPECT_FLOAT_EQ(gain_of(*built.session), 1.001F);
    EXPECT_THAT(built.fallbacks, IsEmpty());
    ASSERT_EQ(built.notes.size(), 1U);
    EXPECT_THAT(built.notes[0], AllOf(HasSubstr("Stand-in 1.0: "),
                                      HasSubstr("dB of PSNR against ONNX Runtime's own kernels on 2 test patterns")));
    EXPECT_THAT(told_, testing::Each(0)) << "nobody counts pieces";
    EXPECT_GE(told_.size(), 1U);
    EXPECT_EQ(references_, 1);

    told_.clear();
    const CheckedSession found = make();
    EXPECT_EQ(found.engine.digest, built.engine.digest);
    EXPECT_THAT(found.notes, ElementsAre(built.notes[0] + ", found out by an earlier run"));
    EXPECT_FLOAT_EQ(gain_of(*found.session), 1.001F);
    EXPECT_EQ(engines_.builds, 1);
    EXPECT_EQ(references_, 1) << "the second use costs no second session";
    EXPECT_EQ(engines_.loads, 3) << "to compare, to run, and by the second run";
    EXPECT_THAT(told_, IsEmpty());
}

TEST_F(EngineSessionTest, WhoWaitsIsToldHowManyPiecesAreDone) {
    engines_.pieces = 5;
    std::promise<void> seen;
    engines_.while_building = [&] { seen.get_future().wait(); };
    const Building count = building_;
    bool waits = true;
    building_ = [&](const BuildState& state) {
        count(state);
        if (state.done == 5 && std::exchange(waits, false)) seen.set_value();
    };
    (void)make();
    EXPECT_EQ(told_.back(), 5);
    EXPECT_TRUE(std::ranges::is_sorted(told_));
}

TEST_F(EngineSessionTest, AnEngineThatIsOffIsNotUsedAndNotBuiltAgain) {
    engines_.gain = 1.5F;
    for (int run = 0; run < 2; ++run) {
        const CheckedSession made = make();
        EXPECT_EQ(made.engine.status, EngineStatus::missing);
        EXPECT_FLOAT_EQ(gain_of(*made.session), without_engine);
        EXPECT_THAT(made.notes, IsEmpty());
        ASSERT_EQ(made.fallbacks.size(), 1U);
        EXPECT_THAT(made.fallbacks[0], AllOf(HasSubstr("Stand-in 1.0: "), HasSubstr("dB of PSNR"),
                                             HasSubstr("the model runs without it")));
    }
    EXPECT_EQ(engines_.builds, 1);
    EXPECT_EQ(cache_.find(key_).status, EngineStatus::refused);
}

TEST_F(EngineSessionTest, WhatTheComparisonHoldsForIsComparedOnceEach) {
    (void)make();
    reference_gain_ = 2;
    EXPECT_FLOAT_EQ(gain_of(*make().session), 1) << "found out already";
    const std::string digest = cache_.find(key_).digest;
    for (const auto& [name, value] : {std::pair{"GPU driver", "590"}, std::pair{"model settings", "other"}}) {
        holds_for_[name] = value;
        const CheckedSession made = make();
        EXPECT_FLOAT_EQ(gain_of(*made.session), without_engine);
        EXPECT_THAT(made.fallbacks, ElementsAre(AllOf(HasSubstr("dB of PSNR"), Not(HasSubstr("earlier run")))));
        EXPECT_THAT(make().fallbacks, ElementsAre(AllOf(HasSubstr("dB of PSNR"), HasSubstr("earlier run"))));
    }
    EXPECT_EQ(references_, 3);
    reference_gain_ = 1;
    EXPECT_FLOAT_EQ(gain_of(*make().session), without_engine) << "that it is off stands, too";
    holds_for_ = {{"GPU driver", "580"}};
    EXPECT_FLOAT_EQ(gain_of(*make().session), 1);
    EXPECT_EQ(references_, 4);
    EXPECT_EQ(cache_.find(key_).digest, digest) << "it is the same engine";
    EXPECT_EQ(engines_.builds, 1);
}

TEST_F(EngineSessionTest, TestPatternsAreNotEnoughForAVideo) {
    has_frames_ = false;
    (void)make();
    (void)make();
    EXPECT_EQ(references_, 1) << "for another pipe they are";
    has_frames_ = true;
    EXPECT_THAT(make().notes, ElementsAre(Not(HasSubstr("earlier run"))));
    (void)make();
    EXPECT_EQ(references_, 2);
    has_frames_ = false;
    (void)make();
    EXPECT_EQ(references_, 2) << "and frames are enough for a pipe";
}

TEST_F(EngineSessionTest, WithoutARecordItIsComparedAgain) {
    (void)make();
    const fs::path record = cache_.find(key_).folder / infer::timings / "record.json";
    for (const char* text : {"", "{", R"({"close": true, "text": "62 dB", "numbers": {}, "seconds": {}})"}) {
        std::ofstream(record) << text;
        EXPECT_THAT(make().notes, ElementsAre(Not(HasSubstr("earlier run")))) << text;
        EXPECT_THAT(make().notes, ElementsAre(HasSubstr("earlier run"))) << text;
    }
    EXPECT_EQ(references_, 4);
    EXPECT_EQ(engines_.builds, 1);
}

TEST_F(EngineSessionTest, ADamagedEngineIsBuiltAgain) {
    const std::string digest = make().engine.digest;
    std::ofstream(engine_file()) << "1.00001";
    EXPECT_EQ(make().engine.digest, digest);
    EXPECT_EQ(engines_.builds, 2);
    fs::remove(engine_file());
    engines_.gain = 0.999F;
    EXPECT_NE(make().engine.digest, digest) << "another engine may give other bits";
    EXPECT_EQ(engines_.builds, 3);
}

TEST_F(EngineSessionTest, WithoutAnEngineTheModelStillRuns) {
    engines_.while_building = [] { throw core::Error(core::ErrorCode::failed, "no kernel for NonZero"); };
    const CheckedSession unbuilt = make();
    EXPECT_FLOAT_EQ(gain_of(*unbuilt.session), without_engine);
    EXPECT_THAT(unbuilt.fallbacks, ElementsAre("Stand-in 1.0: no kernel for NonZero: the model runs without it"));
    engines_.while_building = nullptr;
    (void)make();
    engines_.problem = "the driver is too old";
    EXPECT_THAT(make().fallbacks, ElementsAre("Stand-in 1.0: the driver is too old: the model runs without it"));
}

TEST_F(EngineSessionTest, WhatNobodyAskedForIsANote) {
    wish_ = Wish::tried;
    engines_.while_building = [this] {
        EXPECT_EQ(references_, 0) << "nothing to compare before there is an engine";
        throw core::Error(core::ErrorCode::failed, "no kernel for NonZero");
    };
    const CheckedSession unbuilt = make();
    EXPECT_FLOAT_EQ(gain_of(*unbuilt.session), without_engine);
    EXPECT_THAT(unbuilt.fallbacks, IsEmpty());
    EXPECT_THAT(unbuilt.notes, ElementsAre("Stand-in 1.0: no kernel for NonZero: the model runs without it"));
    engines_.while_building = nullptr;
    engines_.gain = 1.5F;
    const CheckedSession off = make();
    EXPECT_FLOAT_EQ(gain_of(*off.session), without_engine);
    EXPECT_THAT(off.fallbacks, IsEmpty());
    EXPECT_THAT(off.notes, ElementsAre(HasSubstr("dB of PSNR")));
}

void rest() { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }

TEST_F(EngineSessionTest, TheFasterWayIsFoundOnce) {
    int rivals = 0;
    rival_ = [&] {
        EXPECT_TRUE(held_.expired()) << "the device's memory is for one";
        ++rivals;
        const infer::RuntimeChoice choice{.provider = infer::Provider::cuda, .weights = infer::Weights::fp16};
        return std::make_unique<FakeSession>(plan_.model, plan_.input, FakeWork{1, {}, choice});
    };
    wish_ = Wish::tried;
    engines_.while_running = rest;
    for (int run = 0; run < 2; ++run) {
        const CheckedSession made = make();
        EXPECT_FLOAT_EQ(gain_of(*made.session), without_engine);
        EXPECT_EQ(made.engine.status, EngineStatus::missing);
        EXPECT_THAT(made.fallbacks, IsEmpty());
        EXPECT_THAT(made.notes, ElementsAre(AllOf(HasSubstr("ms a run, when it was built, and cuda/nchw/kernels/full"),
                                                  HasSubstr("the model runs without it"))));
    }
    EXPECT_EQ(rivals, 1);
    EXPECT_EQ(engines_.builds, 1);
    wish_ = Wish::asked;
    EXPECT_FLOAT_EQ(gain_of(*make().session), 1) << "who asks for it gets it";
}

TEST_F(EngineSessionTest, ASlowerRivalOrNoneIsNoHindrance) {
    wish_ = Wish::tried;
    rival_ = [this] {
        return std::make_unique<FakeSession>(plan_.model, plan_.input,
                                             FakeWork{1, rest, {.provider = infer::Provider::cuda}});
    };
    const CheckedSession faster = make();
    EXPECT_EQ(faster.engine.status, EngineStatus::ready);
    const auto record = infer::load_record(faster.engine.folder);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->seconds.size(), 2U);
    EXPECT_TRUE(record->verdict.close);
    EXPECT_EQ(record->verdict.text, "equal to ONNX Runtime's own kernels on 2 test patterns");

    key_ = {{"model", "def"}};
    rival_ = []() -> std::unique_ptr<infer::Session> { throw core::Error(core::ErrorCode::out_of_memory, "full"); };
    EXPECT_EQ(make().engine.status, EngineStatus::ready);
}

TEST_F(EngineSessionTest, AnotherEngineThanTheRecordedOneIsNotRun) {
    (void)make();
    engines_.while_loading = [](const fs::path& folder) { std::ofstream(folder / "model.engine") << "1.00001"; };
    const CheckedSession made = make();
    EXPECT_FLOAT_EQ(gain_of(*made.session), without_engine);
    EXPECT_THAT(made.fallbacks, ElementsAre(HasSubstr("was not taken, and another was built")));
    engines_.while_loading = nullptr;
    (void)make();
    engines_.while_loading = [](const fs::path& folder) { std::ofstream(folder / "more.engine") << "1"; };
    EXPECT_EQ(error_of([&] { (void)make(Earlier::with_engine); }).code(), core::ErrorCode::failed);
}

TEST_F(EngineSessionTest, TooLittleMemoryIsTheCallersMatter) {
    engines_.while_building = [] { throw core::Error(core::ErrorCode::out_of_memory, "full"); };
    EXPECT_EQ(error_of([&] { (void)make(); }).code(), core::ErrorCode::out_of_memory);
}

TEST_F(EngineSessionTest, WhoMayNotBuildIsToldThatThereIsNone) {
    building_ = nullptr;
    const CheckedSession made = make();
    EXPECT_EQ(engines_.builds, 0);
    EXPECT_EQ(references_, 0);
    EXPECT_FLOAT_EQ(gain_of(*made.session), without_engine);
    EXPECT_THAT(made.fallbacks, IsEmpty());
    EXPECT_THAT(made.notes, ElementsAre("Stand-in 1.0: there is no engine yet; a run builds it first"));
}

TEST_F(EngineSessionTest, ARunThatGoesOnTakesItsEngineOrNone) {
    const std::string digest = make().engine.digest;
    const CheckedSession again = make(Earlier::with_engine);
    EXPECT_EQ(again.engine.digest, digest);
    EXPECT_EQ(references_, 1) << "nothing is compared again";
    EXPECT_THAT(again.notes, IsEmpty());
    std::ofstream(engine_file()) << "damaged";
    const core::Error gone = error_of([&] { (void)make(Earlier::with_engine); });
    EXPECT_EQ(gone.code(), core::ErrorCode::usage);
    EXPECT_THAT(gone.what(), AllOf(HasSubstr("fake.onnx"), HasSubstr("--restart")));
    EXPECT_EQ(engines_.builds, 1);
}

TEST_F(EngineSessionTest, WaitingForAnotherProcessEndsWithTheRun) {
    engines_.while_building = [&] {
        engines_.while_building = nullptr;
        stop_.request_stop();
        EXPECT_EQ(error_of([&] { (void)make(); }).code(), core::ErrorCode::interrupted);
    };
    EXPECT_EQ(make().engine.status, EngineStatus::ready) << "what was being built is kept";
    EXPECT_EQ(engines_.builds, 1);
}

TEST_F(EngineSessionTest, OfSeveralProcessesOneBuildsAndAllRunTheSame) {
    const std::string count = folder_ / "builds";
    engines_.while_building = [&] {
        std::ofstream(count, std::ios::app) << "x";
        ::usleep(200'000);  // the others come meanwhile
    };
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(in_a_process([&] {
            const CheckedSession made = make();
            return made.engine.status == EngineStatus::ready && gain_of(*made.session) == 1 ? 0 : 1;
        }));
    }
    for (const pid_t child : children) EXPECT_EQ(result_of(child), 0);
    std::ifstream file(count);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "x");
}

TEST_F(EngineSessionTest, AKilledBuilderIsNoHindrance) {
    const pid_t child = in_a_process([&] {
        engines_.while_building = [] { ::raise(SIGKILL); };
        (void)make();
        return 0;
    });
    ASSERT_EQ(result_of(child), -SIGKILL);
    EXPECT_EQ(cache_.find(key_).status, EngineStatus::missing);
    const CheckedSession made = make();
    EXPECT_EQ(made.engine.status, EngineStatus::ready);
    EXPECT_FLOAT_EQ(gain_of(*made.session), 1);
}

}  // namespace
}  // namespace millrace::engine
