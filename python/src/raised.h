#pragma once
// Exceptions of Python as the engine's errors.

#include <functional>
#include <string>

namespace millrace::python {

/// Calls `work` with the GIL held. What Python raises becomes a core::Error: a ScriptError with its own code and text,
/// everything else Error(failed) that names `path`.
void raised_as_errors(const std::string& path, const std::function<void()>& work);

}  // namespace millrace::python
