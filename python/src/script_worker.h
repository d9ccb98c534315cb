#pragma once
// engine::ScriptWorker for millrace/_worker.py.

#include <nanobind/nanobind.h>

#include <string>

#include "infer/script.h"

namespace millrace::python {

/// From the JSON that millrace/_worker.py makes of a script in the file `path`.
[[nodiscard]] infer::ScriptDescription description_of(const std::string& path, const std::string& text);

void define_script_worker(nanobind::module_& module);

}  // namespace millrace::python
