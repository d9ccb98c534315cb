#include "core/error.h"

namespace millrace::core {

Error::Error(ErrorCode code, const std::string& message, std::source_location location)
    : std::runtime_error(message), code_(code), location_(location) {}

int exit_code(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::failed:
        case ErrorCode::no_space:
        case ErrorCode::out_of_memory:
            return 1;
        case ErrorCode::usage:
            return 2;
        case ErrorCode::bad_input:
            return 3;
        case ErrorCode::refused:
            return 4;
        case ErrorCode::interrupted:
            return 130;
    }
    return 1;
}

const char* name(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::failed:
            return "failed";
        case ErrorCode::usage:
            return "usage";
        case ErrorCode::bad_input:
            return "bad_input";
        case ErrorCode::refused:
            return "refused";
        case ErrorCode::no_space:
            return "no_space";
        case ErrorCode::out_of_memory:
            return "out_of_memory";
        case ErrorCode::interrupted:
            return "interrupted";
    }
    return "failed";
}

}  // namespace millrace::core
