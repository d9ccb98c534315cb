#pragma once
// A tensor of the engine, as Python's array libraries see it.

#include <nanobind/nanobind.h>

#include "device/tensor.h"

namespace millrace::python {

/// A lease; whoever views the memory keeps it.
struct FrameTensor {
    device::Tensor tensor;
};

void define_frame_tensor(nanobind::module_& module);

}  // namespace millrace::python
