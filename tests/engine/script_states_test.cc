// What is kept of a sequential script, and what goes.

#include "engine/script_states.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

using millrace::test::TemporaryFolder;

const std::set<int> all{0, 1, 2, 3, 4, 5, 6, 7};

TEST(ScriptStates, TheLastOneBeforeASegmentIsFoundAgain) {
    const TemporaryFolder folder;
    {
        ScriptStates states(folder.path(), all);
        states.keep(0, "after 0");
        states.keep(1, std::string("a\0b", 3));
    }
    const ScriptStates again(folder.path(), {2, 3});
    EXPECT_EQ(again.last_before(0), std::nullopt);
    EXPECT_EQ(again.last_before(1), 0);
    EXPECT_EQ(again.last_before(7), 1);
    EXPECT_EQ(again.read(0), "after 0");
    EXPECT_EQ(again.read(1), std::string("a\0b", 3));
}

TEST(ScriptStates, OnlyTwoThatTheFirstUnfinishedSegmentCanBeginWithStay) {
    const TemporaryFolder folder;
    ScriptStates states(folder.path(), all);
    for (int segment = 0; segment < 6; ++segment) {
        states.keep(segment, "state");
        if (segment < 4) states.finished(segment);
    }
    // 4 is the first unfinished one: 2 and 3 lie before it, 5 beyond.
    const ScriptStates again(folder.path(), {4, 5, 6, 7});
    EXPECT_EQ(again.last_before(2), std::nullopt);
    EXPECT_EQ(again.last_before(3), 2);
    EXPECT_EQ(again.last_before(4), 3);
    EXPECT_EQ(again.last_before(8), 5);
}

TEST(ScriptStates, OtherFilesOfTheFolderAreNone) {
    const TemporaryFolder folder;
    for (const char* name : {"segment-000003", "segment-000004.state.part", "segment-x.state", "other.state"}) {
        std::ofstream(std::filesystem::path(folder.path()) / name) << "x";
    }
    EXPECT_EQ(ScriptStates(folder.path(), all).last_before(100), std::nullopt);
}

TEST(ScriptStates, AFolderThatIsNotThereHasNone) {
    EXPECT_EQ(ScriptStates("/nowhere/at/all", all).last_before(100), std::nullopt);
}

}  // namespace
}  // namespace millrace::engine
