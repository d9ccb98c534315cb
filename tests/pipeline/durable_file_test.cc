#include "pipeline/durable_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "pipeline/support.h"

namespace millrace::pipeline {
namespace {

using test::error_of;
using test::TemporaryFolder;

TEST(DurableFile, HoldsWhatWasWrittenOnceSynced) {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    std::string all;
    DurableFile file(path, OpenMode::truncate);
    for (int i = 0; i < 5000; ++i) {  // several buffers full
        const std::string line = "line " + std::to_string(i) + "\n";
        file.write(line);
        all += line;
    }
    file.sync();
    EXPECT_EQ(test::read_file(path), all);
}

TEST(DurableFile, TruncatesOrAppends) {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    test::write_file(path, "before ");
    {
        DurableFile file(path, OpenMode::append);
        file.write(std::string_view("after"));
        file.sync();
    }
    EXPECT_EQ(test::read_file(path), "before after");
    DurableFile file(path, OpenMode::truncate);
    EXPECT_EQ(test::read_file(path), "");
}

TEST(DurableFile, AMovedFileGoesOnAndIsClosedOnce) {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    DurableFile first(path, OpenMode::truncate);
    first.write(std::string_view("one "));
    DurableFile second(std::move(first));
    second.write(std::string_view("two"));
    second.sync();
    EXPECT_EQ(second.path(), path);
    EXPECT_EQ(test::read_file(path), "one two");
}

TEST(DurableFile, AFullDiskIsNoSpaceAndSaysHowToGoOn) {
    DurableFile file("/dev/full", OpenMode::truncate);
    file.write(std::string_view("some bytes"));  // buffered
    const core::Error error = error_of([&] { file.sync(); });
    EXPECT_EQ(error.code(), core::ErrorCode::no_space);
    EXPECT_STREQ(error.what(),
                 "/dev/full: cannot write: No space left on device; free some space and run the same command to "
                 "continue");
}

TEST(DurableFile, AFullDiskIsSeenBeforeTheSyncWhenMuchIsWritten) {
    DurableFile file("/dev/full", OpenMode::truncate);
    const std::string much(1U << 20U, 'x');
    EXPECT_EQ(error_of([&] { file.write(much); }).code(), core::ErrorCode::no_space);
}

TEST(DurableFile, WhatCannotBeCreatedIsNamed) {
    const TemporaryFolder folder;
    const std::string path = folder / "none/file";
    const core::Error error = error_of([&] { DurableFile(path, OpenMode::truncate); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_EQ(std::string(error.what()), path + ": cannot create: No such file or directory");
}

TEST(DurableFile, IsLockedForOneAtATime) {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    {
        DurableFile first(path, OpenMode::append);
        DurableFile second(path, OpenMode::append);
        EXPECT_TRUE(first.try_lock());
        EXPECT_TRUE(first.try_lock());
        EXPECT_FALSE(second.try_lock());
    }
    DurableFile third(path, OpenMode::append);
    EXPECT_TRUE(third.try_lock());
}

TEST(DurableRename, ReplacesTheOldFile) {
    const TemporaryFolder folder;
    test::write_file(folder / "new", "new");
    test::write_file(folder / "old", "old");
    durable_rename(folder / "new", folder / "old");
    EXPECT_EQ(test::read_file(folder / "old"), "new");
    EXPECT_FALSE(test::exists(folder / "new"));
}

// Work folders may lie elsewhere: /dev/shm is a file system of its own on Linux.
TEST(DurableRename, MovesBetweenFileSystems) {
    const TemporaryFolder folder;
    const std::string from = "/dev/shm/millrace-rename-test-" + std::to_string(::getpid());
    test::write_file(from, "whole");
    test::write_file(folder / "out", "old");
    durable_rename(from, folder / "out");
    EXPECT_EQ(test::read_file(folder / "out"), "whole");
    EXPECT_FALSE(test::exists(from));
    EXPECT_FALSE(test::exists(folder / "out.part"));
}

TEST(DurableRename, NamesTheTargetWhenItFails) {
    const TemporaryFolder folder;
    const core::Error error = error_of([&] { durable_rename(folder / "none", folder / "out.mp4"); });
    EXPECT_EQ(error.code(), core::ErrorCode::failed);
    EXPECT_NE(std::string(error.what()).find(folder / "out.mp4"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace millrace::pipeline
