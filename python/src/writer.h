#pragma once
// millrace.Writer's engine.

#include <nanobind/nanobind.h>

namespace millrace::python {

void define_writer(nanobind::module_& module);

}  // namespace millrace::python
