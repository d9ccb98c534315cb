#pragma once
// A loaded model that runs batches of one shape.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor_desc.h"
#include "device/device.h"
#include "device/tensor.h"
#include "infer/model.h"

namespace millrace::infer {

/// Runs one model at one batch shape. run() may be called from several threads at once.
class Session {
  public:
    virtual ~Session() = default;

    [[nodiscard]] virtual const ModelDescription& model() const = 0;
    /// Shapes of all inputs: the picture's at the session's size and batch; states as the model needs them (zeros
    /// before the first frame).
    [[nodiscard]] virtual const std::vector<core::TensorDesc>& input_descs() const = 0;
    /// Shapes of all outputs for input_descs(): inferred from the graph, and where that leaves a dimension open, found
    /// by running once on zeros.
    [[nodiscard]] virtual const std::vector<core::TensorDesc>& output_descs() const = 0;
    /// The stream that run() must be called with. The host's: run() may be called from several threads at once;
    /// another's: from one thread at a time.
    [[nodiscard]] virtual device::StreamRef stream() const { return device::host_stream(); }
    /// All inputs and outputs, in the order of the model's ports, bound without a copy; outputs are written in place.
    /// Throws Error(failed) with the runtime's own message.
    virtual void run(device::StreamRef stream, std::span<const device::Tensor> inputs,
                     std::span<const device::Tensor> outputs) = 0;
};

/// Load the file's ports and settings and resolve them. Needs the runtime library (it reads the file). Throws
/// Error(bad_input): not an ONNX file, unknown operator, shapes that cannot fit (expected and found), wrong channel
/// count; Error(usage): unknown or malformed settings; Error(failed): no runtime library (what to install).
[[nodiscard]] ModelDescription describe_model(const ModelRequest& request);

/// A session for pictures of `input` size (after fitting, tiling and padding), batch from the description. Throws
/// Error(bad_input) when the shapes cannot fit.
[[nodiscard]] std::unique_ptr<Session> make_session(const ModelRequest& request, const ModelDescription& model,
                                                    Size input);

/// "ONNX Runtime 1.31.1", and the library's path.
struct RuntimeInfo {
    std::string version;
    std::string path;
};
[[nodiscard]] RuntimeInfo load_runtime(const std::string& library);

}  // namespace millrace::infer
