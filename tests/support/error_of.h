#pragma once
// What a call threw, for tests of messages. Below all rooms' own helpers: core alone.

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace millrace::test {

/// The core::Error that `call` throws. Fails the test where it throws none.
template <class Call>
[[nodiscard]] core::Error error_of(const Call& call) {
    try {
        call();
    } catch (const core::Error& error) {
        return error;
    }
    ADD_FAILURE() << "no core::Error was thrown";
    return {core::ErrorCode::failed, "nothing"};
}

/// The message of the core::Error that `call` throws. Fails the test where it throws none, or one of another kind.
template <class Call>
std::string message_of(core::ErrorCode code, const Call& call) {
    const core::Error error = error_of(call);
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
}

}  // namespace millrace::test
