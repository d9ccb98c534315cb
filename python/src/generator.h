#pragma once
// The process of a script that makes frames, for millrace/_generation.py.

#include <nanobind/nanobind.h>

namespace millrace::python {

void define_generator(nanobind::module_& module);

}  // namespace millrace::python
