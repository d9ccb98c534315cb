#pragma once
// Models on a GPU beside the same models on the CPU.
//
//   MILLRACE_ONNXRUNTIME   libonnxruntime with CUDA; left out: what the loader finds as libonnxruntime.so.1
//
//   MILLRACE_GPU_MODELS    what bench/gpu/make_models.py --small wrote; left out: written now by the python3 on PATH
//
// Other models come from the repository, which is the working directory where the build folder was moved.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "gpu/support.h"
#include "infer/session.h"

namespace millrace::infer::test {

using Bytes = std::vector<std::byte>;

/// A model of the repository.
[[nodiscard]] std::string held(const char* name);
/// A model of make_models.py --small.
[[nodiscard]] std::string made(const char* name);

[[nodiscard]] ModelRequest request_for(const std::string& path, device::DeviceId device, int batch = 1);
[[nodiscard]] std::unique_ptr<Session> session_of(const ModelRequest& request, Size size);

/// Values of a float tensor on the host.
[[nodiscard]] std::vector<double> values_of(const core::TensorDesc& desc, const Bytes& bytes);

/// Pools and what goes into a model.
class Rig {
  public:
    /// From 0 to 1, smooth in places and rough in others, different for each seed.
    device::Tensor input(const core::TensorDesc& desc, unsigned seed);

    /// Runs on whatever device the session is, from and to the host.
    Bytes run(Session& session, const device::Tensor& input);
    /// All outputs, in the model's order.
    std::vector<Bytes> run_all(Session& session, const device::Tensor& input);

    device::BufferPool host{{}, "host", device::test::plenty};
    device::BufferPool memory{device::test::gpu, "device", device::test::plenty};
    device::BufferPool pinned{device::make_pinned_source(device::test::gpu), device::DeviceId{}, "pinned",
                              device::test::plenty};
};

struct Difference {
    double largest = 0;
    double decibels = 0;  ///< of the values' mean square over the difference's
};

[[nodiscard]] Difference compare(const core::TensorDesc& desc, const Bytes& expected, const Bytes& found);

/// `request`, which names a GPU, beside the file on the CPU; expects equal shapes.
[[nodiscard]] Difference against_cpu(const ModelRequest& request, Size size);

}  // namespace millrace::infer::test
