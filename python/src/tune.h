#pragma once
// Tuning from Python.

#include <nanobind/nanobind.h>

namespace millrace::python {

/// The functions tune, tune_text and tune_plot.
void define_tune(nanobind::module_& module);

}  // namespace millrace::python
