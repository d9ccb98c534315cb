#pragma once
// cuDNN, loaded at run time. Needs cuDNN's headers. Private to src/infer/fused/cuda.

#include <cudnn.h>

#include <string>

#include "device/device.h"

namespace millrace::infer::fused::cudnn {

/// A handle whose work goes to one stream. For one thread at a time.
class Handle {
  public:
    /// The library is loaded (infer/fused/cudnn_library.h). What `stream` borrows outlives this. Throws Error(failed).
    explicit Handle(device::StreamRef stream);
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    Handle(Handle&&) = delete;
    Handle& operator=(Handle&&) = delete;

    [[nodiscard]] cudnnHandle_t get() const { return handle_; }
    [[nodiscard]] device::StreamRef stream() const { return stream_; }

  private:
    cudnnHandle_t handle_ = nullptr;
    device::StreamRef stream_;
};

}  // namespace millrace::infer::fused::cudnn
