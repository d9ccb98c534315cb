#pragma once
// `millrace script check`: the work is Python's (millrace/_check.py), in the interpreter that would run the script.

#include "app/command_line.h"

namespace millrace::app {

/// Goes over into the interpreter, whose exit code is the program's. Throws Error(failed) where it cannot be started.
[[noreturn]] void become_script_check(const ScriptCheckCommand& command, Format format);

}  // namespace millrace::app
