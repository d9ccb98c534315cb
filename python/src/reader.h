#pragma once
// engine::Clip for millrace/_clip.py.

#include <nanobind/nanobind.h>

namespace millrace::python {

void define_reader(nanobind::module_& module);

}  // namespace millrace::python
