#pragma once
// Work of the engine that a thread of Python waits for.

#include <functional>
#include <stop_token>

namespace millrace::python {

/// Runs `work` on a thread of its own and waits for it without the GIL, some ten times a second looking for signals, so
/// that ctrl-C stops it. Throws what `work` throws, or what a signal's handler raised. Call with the GIL held.
void interruptible(const std::function<void(const std::stop_token&)>& work);

/// Raises what a signal's handler raised meanwhile. Call with the GIL held.
void check_signals();

}  // namespace millrace::python
