#pragma once
// What a call threw, for tests of messages.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "core/error.h"

namespace millrace::infer {

/// Code and message of the core::Error that `call` throws. Fails the test where it throws none.
template <class Call>
core::Error error_of(const Call& call) {
    try {
        call();
    } catch (const core::Error& error) {
        return error;
    }
    ADD_FAILURE() << "no core::Error was thrown";
    return {core::ErrorCode::failed, "nothing"};
}

}  // namespace millrace::infer
