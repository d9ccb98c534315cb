#include "core/log.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace millrace::core::log {
namespace {

using Lines = std::vector<std::pair<Level, std::string>>;

Lines& lines() {
    static Lines value;
    return value;
}

class Log : public testing::Test {
  public:
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    Log(Log&&) = delete;
    Log& operator=(Log&&) = delete;
    ~Log() override {
        set_writer(nullptr);
        set_level(Level::info);
    }

  protected:
    Log() {
        lines().clear();
        set_writer([](Level level, std::string_view line) { lines().emplace_back(level, line); });
    }

    static void write_one_of_each() {
        error("an {}", "error");
        warning("a warning");
        info("some info {}", 3);
        debug("a detail");
    }
};

TEST_F(Log, EachLevelShowsItselfAndWhatIsGraver) {
    constexpr std::array expected{std::pair{Level::quiet, 0}, std::pair{Level::error, 1}, std::pair{Level::warning, 2},
                                  std::pair{Level::info, 3}, std::pair{Level::debug, 4}};
    for (const auto& [level, count] : expected) {
        lines().clear();
        set_level(level);
        write_one_of_each();
        EXPECT_EQ(lines().size(), static_cast<std::size_t>(count)) << static_cast<int>(level);
    }
}

TEST_F(Log, WritesFormattedLinesWithTheirLevel) {
    set_level(Level::debug);
    write_one_of_each();
    const Lines expected{{Level::error, "an error"},
                         {Level::warning, "a warning"},
                         {Level::info, "some info 3"},
                         {Level::debug, "a detail"}};
    EXPECT_EQ(lines(), expected);
}

TEST_F(Log, QuietIsNoLevelToWriteAt) {
    set_level(Level::debug);
    write(Level::quiet, "never");
    EXPECT_TRUE(lines().empty());
    EXPECT_FALSE(enabled(Level::quiet));
}

TEST_F(Log, StandardErrorGetsWholeLinesWithAPrefix) {
    set_writer(nullptr);
    testing::internal::CaptureStderr();
    warning("{} of {}", 1, 2);
    info("plain");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: 1 of 2\nplain\n");
}

TEST_F(Log, AWriterThatThrowsIsNoFailure) {
    set_writer([](Level, std::string_view) { throw 1; });
    EXPECT_NO_THROW(error("lost"));
}

}  // namespace
}  // namespace millrace::core::log
