#pragma once
// Launches of kernels, for sources that contain kernels.

#include <cuda_runtime_api.h>

#include "device/cuda/check.h"
#include "device/device.h"

namespace millrace::device::cuda {

/// Around launches on a stream: its device is current, and other threads may capture. An error that a library left
/// behind on this thread before is not the launch's.
class Launching {
  public:
    explicit Launching(StreamRef stream) : current_(stream.device.index), index_(stream.device.index) {
        static_cast<void>(cudaGetLastError());
    }

    /// After a launch of `kernel`. Throws Error(failed).
    void done(const char* kernel) const { check(cudaGetLastError(), kernel, index_); }

  private:
    CurrentDevice current_;
    BesideCaptures beside_;  ///< a kernel's first launch loads it
    int index_;
};

}  // namespace millrace::device::cuda
