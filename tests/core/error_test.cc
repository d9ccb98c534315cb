#include "core/error.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::core {
namespace {

TEST(Error, ExitCodesAreTheDocumentedOnes) {
    EXPECT_EQ(exit_code(ErrorCode::failed), 1);
    EXPECT_EQ(exit_code(ErrorCode::no_space), 1);
    EXPECT_EQ(exit_code(ErrorCode::out_of_memory), 1);
    EXPECT_EQ(exit_code(ErrorCode::usage), 2);
    EXPECT_EQ(exit_code(ErrorCode::bad_input), 3);
    EXPECT_EQ(exit_code(ErrorCode::refused), 4);
    EXPECT_EQ(exit_code(ErrorCode::interrupted), 130);
}

TEST(Error, Names) {
    EXPECT_STREQ(name(ErrorCode::failed), "failed");
    EXPECT_STREQ(name(ErrorCode::usage), "usage");
    EXPECT_STREQ(name(ErrorCode::bad_input), "bad_input");
    EXPECT_STREQ(name(ErrorCode::refused), "refused");
    EXPECT_STREQ(name(ErrorCode::no_space), "no_space");
    EXPECT_STREQ(name(ErrorCode::out_of_memory), "out_of_memory");
    EXPECT_STREQ(name(ErrorCode::interrupted), "interrupted");
}

TEST(Error, KnowsItsMessageAndWhereItWasThrown) {
    const auto line = static_cast<unsigned>(__LINE__) + 1;
    const Error error(ErrorCode::usage, "a.mp4: what is wrong");
    EXPECT_STREQ(error.what(), "a.mp4: what is wrong");
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_EQ(error.location().line(), line);
    EXPECT_NE(std::string(error.location().file_name()).find("error_test.cc"), std::string::npos);
}

}  // namespace
}  // namespace millrace::core
