#pragma once
// Failures, as opposed to bugs (assert) and expected outcomes (core/outcome.h).

#include <source_location>
#include <stdexcept>
#include <string>

namespace millrace::core {

/// What kind of failure an Error is. The kind alone decides the exit code.
enum class ErrorCode {
    failed,         ///< I/O, codec, model or device failed while working
    usage,          ///< the caller asked for something contradictory or unknown
    bad_input,      ///< a file that the user named cannot be used as it is
    refused,        ///< --strict turned a fallback into an error
    no_space,       ///< the disk is full; work done so far is kept
    out_of_memory,  ///< of a device, of the machine or of a budget: less at a time may do
    interrupted,    ///< cancelled from outside; resumable
};

/// The one exception type of Millrace. `message` names the file or the setting, what was expected, what was found and
/// what to do, in one or two sentences without a trailing full stop or newline.
class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& message, std::source_location location = std::source_location::current());

    [[nodiscard]] ErrorCode code() const noexcept { return code_; }
    [[nodiscard]] const std::source_location& location() const noexcept { return location_; }

  private:
    ErrorCode code_;
    std::source_location location_;
};

/// Process exit code: failed, no_space, out_of_memory 1; usage 2; bad_input 3; refused 4; interrupted 130.
[[nodiscard]] int exit_code(ErrorCode code) noexcept;

/// "bad_input", for logs and JSON.
[[nodiscard]] const char* name(ErrorCode code) noexcept;

}  // namespace millrace::core
