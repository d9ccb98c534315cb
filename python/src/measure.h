#pragma once
// What GPUs do while Python does something: for benchmarks.

#include <nanobind/nanobind.h>

namespace millrace::python {

void define_measure(nanobind::module_& module);

}  // namespace millrace::python
