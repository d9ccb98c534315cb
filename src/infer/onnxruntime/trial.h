#pragma once
// Runs of a model at load: the first one, and those that are timed.

#include <cstddef>
#include <functional>
#include <vector>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "infer/onnxruntime/session_shapes.h"

namespace millrace::infer::ort {

/// Memory on a GPU for one run's inputs and outputs. Work on `stream` that uses it is done before it goes.
class Trial {
  public:
    /// Inputs are zeros.
    Trial(device::StreamRef stream, const SessionShapes& shapes);

    [[nodiscard]] const std::vector<device::Tensor>& inputs() const { return inputs_; }
    [[nodiscard]] const std::vector<device::Tensor>& outputs() const { return outputs_; }

    /// Put other values into the inputs: floats from 1/2 to 1, the same every time.
    void fill();
    /// All bytes of the outputs, once the stream is done.
    [[nodiscard]] std::vector<std::byte> read();

    /// Seconds a run, of enough runs in a row that starting the first and ending the last do not count. `enqueue`
    /// enqueues one on the stream, and has done so before.
    [[nodiscard]] double seconds_a_run(const std::function<void()>& enqueue) const;

  private:
    device::StreamRef stream_;
    device::BufferPool host_;
    device::BufferPool device_;
    std::vector<device::Tensor> inputs_;
    std::vector<device::Tensor> outputs_;
};

}  // namespace millrace::infer::ort
