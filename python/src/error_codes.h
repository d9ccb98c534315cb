#pragma once
// The engine's error codes by the names that Python has for them.

#include <string_view>

#include "core/error.h"

namespace millrace::python {

/// failed for a name that there is not.
[[nodiscard]] inline core::ErrorCode code_named(std::string_view name) {
    using enum core::ErrorCode;
    for (const core::ErrorCode code : {usage, bad_input, refused, no_space, out_of_memory, interrupted}) {
        if (core::name(code) == name) return code;
    }
    return core::ErrorCode::failed;
}

}  // namespace millrace::python
