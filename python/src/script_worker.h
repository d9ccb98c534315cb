#pragma once
// engine::ScriptWorker for millrace/_worker.py.

#include <nanobind/nanobind.h>

namespace millrace::python {

void define_script_worker(nanobind::module_& module);

}  // namespace millrace::python
