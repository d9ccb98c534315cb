#pragma once
// A Job as JSON, for processes that work on parts of it. The way there and back changes nothing.

#include <string>

#include "millrace/job.h"

namespace millrace::engine {

/// One object, on one line: {"input": {"path": ...}, "output": {...}, ...}. Keys are the members' names, enums are
/// written by name, optionals that are empty are left out. Text that JSON cannot hold (a path need not be UTF-8) is
/// written as U+0000 and its bytes in hexadecimal.
[[nodiscard]] std::string to_json(const Job& job);

/// What is left out is as in `Job{}`. Throws Error(usage): not JSON, unknown keys, which it names, values of the wrong
/// type or out of range.
[[nodiscard]] Job job_from_json(const std::string& text);

}  // namespace millrace::engine
