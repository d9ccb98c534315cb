#pragma once
// Arrays of Python's libraries on the host, as tensors of the engine.

#include <nanobind/nanobind.h>

#include "device/tensor.h"

namespace millrace::python {

/// One frame, or a batch of them, that a caller hands over; of whatever strides.
class HostFrames {
  public:
    /// Whatever speaks DLPack or the buffer protocol: one frame of description `frame`, or a batch of them. Throws
    /// Error(usage) for anything else. Needs the GIL.
    HostFrames(nanobind::handle array, const core::TensorDesc& frame);
    HostFrames(const HostFrames&) = delete;
    HostFrames& operator=(const HostFrames&) = delete;
    HostFrames(HostFrames&&) = delete;
    HostFrames& operator=(HostFrames&&) = delete;
    /// Needs the GIL.
    ~HostFrames();

    [[nodiscard]] std::int64_t count() const;
    /// The frame, compact; a copy where the array's is not. Valid until the next call. Does without the GIL.
    [[nodiscard]] device::Tensor at(std::int64_t index);

  private:
    struct View;
    std::unique_ptr<View> view_;
    core::TensorDesc frame_;
    device::BufferPool compact_;
};

/// Throws Error(usage) unless `one`, of the array `all`, is a frame.
void check_frames(const core::TensorDesc& one, const core::TensorDesc& all, const core::TensorDesc& frame);

}  // namespace millrace::python
