#pragma once
// The engine's error codes by the names that Python has for them.

#include <string_view>

#include "core/error.h"

namespace millrace::python {

/// failed for a name that there is not.
[[nodiscard]] inline core::ErrorCode code_named(std::string_view name) {
    for (const core::ErrorCode code : {core::ErrorCode::usage, core::ErrorCode::bad_input}) {
        if (core::name(code) == name) return code;
    }
    return core::ErrorCode::failed;
}

}  // namespace millrace::python
