#pragma once
// A tensor of the engine, as Python's array libraries see it.

#include <nanobind/nanobind.h>

#include <memory>

#include "core/tensor_desc.h"
#include "lease.h"

namespace millrace::python {

/// The first `desc.byte_count()` bytes of a lease. Whoever views the memory keeps it.
struct FrameTensor {
    std::shared_ptr<Lease> lease;
    core::TensorDesc desc;

    explicit FrameTensor(device::Tensor tensor) : lease(Lease::of(std::move(tensor))), desc(lease->tensor().desc) {}
    FrameTensor(std::shared_ptr<Lease> of, core::TensorDesc part) : lease(std::move(of)), desc(std::move(part)) {}

    /// In a process forked from the one that has the memory it raises RuntimeError.
    [[nodiscard]] const device::Tensor& tensor() const;
};

void define_frame_tensor(nanobind::module_& module);

}  // namespace millrace::python
