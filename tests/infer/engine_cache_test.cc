// The cache of engines, with a builder that writes what it is told to, fails, is wrong, or dies half-way.

#include "infer/engine_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "core/error.h"
#include "infer/model_fixture.h"
#include "support/child_process.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

namespace fs = std::filesystem;
using millrace::test::error_of;
using millrace::test::in_a_process;
using millrace::test::result_of;
using ::testing::HasSubstr;

const EngineKey one{{"model", "abc"}, {"shape", "1x3x90x160"}, {"precision", "fp16"}, {"TensorRT", "10.13"}};

class StandIn final : public EngineBuilder {
  public:
    void build(const fs::path& folder) override {
        ++builds;
        found_times = fs::exists(folder / timings / "cache.bin") ? read_all(folder / timings / "cache.bin") : "";
        EXPECT_FALSE(fs::exists(folder / "engine.bin"));
        std::ofstream(folder / "engine.bin") << text;
        fs::create_directory(folder / timings);
        std::ofstream(folder / timings / "cache.bin") << "times";
        if (during) during();
    }
    std::string check(const fs::path& folder) override {
        ++checks;
        EXPECT_EQ(read_all(folder / "engine.bin"), text);
        return wrong;
    }

    std::string text = "an engine";
    std::string wrong;
    std::function<void()> during;
    std::string found_times;
    int builds = 0;
    int checks = 0;
};

class EngineCacheTest : public testing::Test {
  protected:
    [[nodiscard]] fs::path folder() const { return folder_.path() / "engines"; }
    [[nodiscard]] Engine build(EngineBuilder& builder, const EngineKey& key = one) {
        return cache_.build(key, builder, WhileBusy::wait);
    }

  private:
    TemporaryFolder folder_;

  protected:
    EngineCache cache_{folder()};
};

TEST_F(EngineCacheTest, AnEngineIsBuiltOnceAndFoundAgain) {
    EXPECT_EQ(cache_.find(one).status, EngineStatus::missing);
    StandIn builder;
    const Engine built = build(builder);
    ASSERT_EQ(built.status, EngineStatus::ready);
    EXPECT_EQ(read_all(built.folder / "engine.bin"), "an engine");
    EXPECT_EQ(read_all(built.folder / timings / "cache.bin"), "times");
    EXPECT_EQ(build(builder).folder, built.folder);
    EXPECT_EQ(EngineCache(folder()).find(one).folder, built.folder) << "by another run";
    EXPECT_EQ(builder.builds, 1);
    EXPECT_EQ(builder.checks, 1);
}

TEST_F(EngineCacheTest, AnyDifferenceInTheKeyIsAnotherEngine) {
    StandIn builder;
    const Engine built = build(builder);
    for (const auto& [name, value] : one) {
        EngineKey other = one;
        other[name] = value + "0";
        EXPECT_EQ(cache_.find(other).status, EngineStatus::missing) << name;
        other.erase(name);
        EXPECT_EQ(cache_.find(other).status, EngineStatus::missing) << name;
    }
    EngineKey more = one;
    more["driver"] = "580";
    EXPECT_NE(build(builder, more).folder, built.folder);
    EXPECT_EQ(cache_.find(one).status, EngineStatus::ready);
}

TEST_F(EngineCacheTest, WhatIsDamagedIsMissingAndBuiltAgain) {
    StandIn builder;
    const fs::path place = build(builder).folder;
    const std::vector<std::function<void()>> damages{
        [&] { std::ofstream(place / "engine.bin") << "an Engine"; },
        [&] { fs::resize_file(place / "engine.bin", 3); },
        [&] { std::ofstream(place / "more.bin") << "?"; },
        [&] { fs::resize_file(place / "manifest.json", 20); },
        [&] { std::ofstream(place / "manifest.json") << R"({"key": [], "files": 3})"; },
        [&] { fs::remove(place / "manifest.json"); },
        [&] { fs::remove_all(place); },
    };
    int builds = 1;
    for (const auto& damage : damages) {
        damage();
        EXPECT_EQ(cache_.find(one).status, EngineStatus::missing) << builds;
        EXPECT_EQ(build(builder).status, EngineStatus::ready) << builds;
        EXPECT_EQ(builder.builds, ++builds);
    }
}

TEST_F(EngineCacheTest, WholeTimesOfADamagedEngineAreUsedAgain) {
    StandIn builder;
    const Engine built = build(builder);
    EXPECT_EQ(builder.found_times, "");
    EXPECT_EQ(built.digest.size(), 16U);
    std::ofstream(built.folder / "engine.bin") << "damaged";
    EXPECT_EQ(build(builder).digest, built.digest);
    EXPECT_EQ(builder.found_times, "times");
    std::ofstream(built.folder / "engine.bin") << "damaged";
    std::ofstream(built.folder / timings / "cache.bin") << "tim";
    builder.text = "another engine";
    EXPECT_NE(build(builder).digest, built.digest);
    EXPECT_EQ(builder.found_times, "");
    EXPECT_EQ(builder.builds, 3);
}

TEST_F(EngineCacheTest, AWholeEngineNeedsNoTimes) {
    StandIn builder;
    const Engine built = build(builder);
    for (const auto& change : std::vector<std::function<void()>>{
             [&] { std::ofstream(built.folder / timings / "cache.bin") << "other times"; },
             [&] { std::ofstream(built.folder / timings / "more.bin") << "more"; },
             [&] { fs::remove_all(built.folder / timings); }}) {
        change();
        EXPECT_EQ(build(builder).digest, built.digest);
    }
    EXPECT_EQ(builder.builds, 1);
}

TEST_F(EngineCacheTest, ABuilderThatFailsLeavesNothing) {
    StandIn builder;
    builder.during = [] { throw core::Error(core::ErrorCode::out_of_memory, "the builder's own words"); };
    const core::Error error = error_of([&] { (void)build(builder); });
    EXPECT_EQ(error.code(), core::ErrorCode::out_of_memory);
    EXPECT_STREQ(error.what(), "the builder's own words");
    EXPECT_EQ(cache_.find(one).status, EngineStatus::missing);
    for (const auto& entry : fs::directory_iterator(folder())) EXPECT_EQ(entry.path().filename(), "lock");
    builder.during = nullptr;
    EXPECT_EQ(build(builder).status, EngineStatus::ready);
}

TEST_F(EngineCacheTest, AnEngineWithWrongResultsIsRefusedAndRemembered) {
    StandIn builder;
    builder.wrong = "12.0 dB of PSNR against fp32";
    const Engine refused = build(builder);
    EXPECT_EQ(refused.status, EngineStatus::refused);
    EXPECT_EQ(refused.reason, builder.wrong);
    const Engine again = EngineCache(folder()).find(one);
    EXPECT_EQ(again.status, EngineStatus::refused);
    EXPECT_EQ(again.reason, builder.wrong);
    EXPECT_TRUE(again.folder.empty());
    EXPECT_EQ(build(builder).status, EngineStatus::refused);
    EXPECT_EQ(builder.builds, 1);
}

TEST_F(EngineCacheTest, AProcessThatDiesWhileBuildingIsNoHindrance) {
    const pid_t child = in_a_process([&] {
        StandIn builder;
        builder.text = "half an en";
        builder.during = [] { _exit(9); };
        (void)build(builder);
        return 0;
    });
    EXPECT_EQ(result_of(child), 9);
    EXPECT_EQ(cache_.find(one).status, EngineStatus::missing);
    int leftovers = 0;
    for (const auto& entry : fs::directory_iterator(folder())) leftovers += entry.path().extension() == ".building";
    EXPECT_EQ(leftovers, 1) << "the test's own condition";
    StandIn builder;
    EXPECT_EQ(build(builder).status, EngineStatus::ready);
    for (const auto& entry : fs::directory_iterator(folder())) EXPECT_NE(entry.path().extension(), ".building");
}

TEST_F(EngineCacheTest, OfSeveralProcessesOneBuilds) {
    const fs::path count = folder().parent_path() / "builds";
    const auto work = [&] {
        StandIn builder;
        builder.during = [&] {
            std::ofstream(count, std::ios::app) << "x";
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
        };
        return build(builder).status == EngineStatus::ready ? 0 : 1;
    };
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) children.push_back(in_a_process(work));
    for (const pid_t child : children) EXPECT_EQ(result_of(child), 0);
    EXPECT_EQ(read_all(count), "x");
}

TEST_F(EngineCacheTest, WhoDoesNotWaitIsToldThatAnotherBuilds) {
    StandIn outer;
    StandIn inner;
    std::stop_source stop;
    outer.during = [&] {
        // Another key's engine waits as well: one builder uses the GPU at a time.
        EXPECT_EQ(cache_.build(one, inner, WhileBusy::give_up).status, EngineStatus::busy);
        EXPECT_EQ(cache_.build({{"model", "other"}}, inner, WhileBusy::give_up).status, EngineStatus::busy);
        EXPECT_EQ(cache_.find(one).status, EngineStatus::missing);
        stop.request_stop();
        const core::Error error = error_of([&] { (void)cache_.build(one, inner, WhileBusy::wait, stop.get_token()); });
        EXPECT_EQ(error.code(), core::ErrorCode::interrupted);
    };
    EXPECT_EQ(build(outer).status, EngineStatus::ready);
    EXPECT_EQ(inner.builds, 0);
}

TEST_F(EngineCacheTest, AFolderThatCannotBeMadeIsNamed) {
    std::ofstream(folder()) << "a file";
    StandIn builder;
    const core::Error error = error_of([&] { (void)build(builder); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_THAT(error.what(), HasSubstr(folder().string()));
    EXPECT_EQ(builder.builds, 0);
}

}  // namespace
}  // namespace millrace::infer
