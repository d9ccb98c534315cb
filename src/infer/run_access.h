#pragma once
// A run's turn at the memory that it works on.

#include <deque>

#include "device/device.h"
#include "device/timeline.h"
#include "infer/session.h"

namespace millrace::infer {

/// Makes a session's stream wait until the tensors of a run may be read and written, and marks what the run does with
/// them. Without done() (an exception) it marks what was enqueued until then.
class RunAccess {
  public:
    RunAccess(device::StreamRef stream, const RunTensors& tensors) {
        for (const device::Tensor& tensor : tensors.inputs) each_.emplace_back(stream, tensor.timeline, nullptr);
        for (const device::Tensor& tensor : tensors.outputs) each_.emplace_back(stream, nullptr, tensor.timeline);
    }

    /// The run is enqueued. Once.
    void done() {
        for (device::Access& access : each_) access.done();
    }

  private:
    std::deque<device::Access> each_;  ///< none can be moved
};

}  // namespace millrace::infer
