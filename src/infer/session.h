#pragma once
// A loaded model that runs batches of one shape.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor_desc.h"
#include "device/device.h"
#include "device/tensor.h"
#include "infer/borders.h"
#include "infer/frame_stamp.h"
#include "infer/model.h"
#include "infer/runtime_choice.h"

namespace millrace::infer {

/// How a session came about and how it runs.
struct SessionReport {
    RuntimeChoice choice;
    double load_seconds = 0;       ///< file to session; on a GPU also measuring the candidates for `choice`
    double first_run_seconds = 0;  ///< of the session's first run, until its result was there; 0: none yet
    /// What does not run where it was asked to, a sentence each: nodes of the model that a GPU leaves to the CPU.
    std::vector<std::string> fallbacks;
    std::vector<std::string> notes;  ///< what is worth knowing about float16 weights, a sentence each
    Borders borders{};               ///< on a GPU  NOLINT(readability-redundant-member-init)
    std::string libraries{};  ///< on a GPU, as cuda_library_versions()  NOLINT(readability-redundant-member-init)
};

/// The tensors of one run, in the order of the model's ports.
struct RunTensors {
    std::span<const device::Tensor> inputs;
    std::span<device::Tensor> outputs;        ///< a session may put tensors of its own in the place of those given
    std::span<const FrameStamp> frames = {};  ///< of the batch's first entries; the others are padding
};

/// Runs one model at one batch shape.
///
/// A session on a GPU is tied to a stream of its own, stream(): all its runs are enqueued there, one after the other,
/// and run() returns when that is done, not when the GPU is. What the inputs wait for and what the outputs are waited
/// for is told by their timelines, so whoever made the inputs and whoever reads the outputs use what streams they like.
/// Two models, or two batches of one, run side by side in two sessions.
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
    /// The stream that run() must be given. The host's: run() may be called from several threads at once. A GPU's: by
    /// one thread at a time, and nobody else uses the stream during the call; waiting for it waits for all runs so far.
    [[nodiscard]] virtual device::StreamRef stream() const = 0;
    /// All inputs and outputs are bound without a copy; outputs are written in place, or replaced. `stream` is
    /// stream(), and all tensors are on its device (asserted). Throws Error(failed | out_of_memory) with the runtime's
    /// own message; then nothing is enqueued any more, and what the outputs hold is undefined.
    virtual void run(device::StreamRef stream, const RunTensors& tensors) = 0;
    /// Thread-safe.
    [[nodiscard]] virtual SessionReport report() const = 0;
};

/// Load the file's ports and settings and resolve them. Needs the runtime library (it reads the file). Throws
/// Error(bad_input): not an ONNX file, unknown operator, shapes that cannot fit (expected and found), wrong channel
/// count; Error(usage): unknown or malformed settings; Error(failed): no runtime library (what to install).
[[nodiscard]] ModelDescription describe_model(const ModelRequest& request);

/// A session for pictures of `input` size (after fitting, tiling and padding), batch from the description. Throws
/// Error(bad_input) when the shapes cannot fit. On a GPU (request.device) it has run once when this returns. Throws
/// Error(failed) that says what is missing where the runtime, the machine or the build cannot run models there, and
/// Error(out_of_memory) where the model does not fit request.gpu_memory or the device: a smaller batch may.
[[nodiscard]] std::unique_ptr<Session> make_session(const ModelRequest& request, const ModelDescription& model,
                                                    Size input);

/// "ONNX Runtime 1.31.1", and the library's path.
struct RuntimeInfo {
    std::string version;
    std::string path;
};
[[nodiscard]] RuntimeInfo load_runtime(const std::string& library);

/// NVIDIA's libraries that sessions on a GPU compute with.
enum class CudaLibrary : std::uint8_t { cudnn, cublas };

/// What a session on a GPU computes with, once one was made: "cuDNN 9.13.1, cuBLAS 13.2.4"; "unknown" stands for a
/// version where the process has not loaded the library.
[[nodiscard]] std::string cuda_library_versions(std::initializer_list<CudaLibrary> libraries = {CudaLibrary::cudnn,
                                                                                                CudaLibrary::cublas});

}  // namespace millrace::infer
