#pragma once
// The program `millrace`, but for its main().

#include "app/command_line.h"

namespace millrace::app {

/// What a process that runs jobs sets once, of its allocator and its environment; before any thread of the engine.
void prepare_process();

/// Runs the command and returns the process's exit code. Errors are printed, never thrown. To be called once, from
/// main(), before any other thread exists.
[[nodiscard]] int run_program(int argc, const char* const* argv) noexcept;

}  // namespace millrace::app
