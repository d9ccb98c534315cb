#pragma once
// Tensors from and to other array libraries by DLPack, without a copy and on the right stream.
//
// Streams go by the numbers of Python's array API (2022.12, `__dlpack__`): on CUDA none and 1 are the legacy default
// stream, 2 the default stream of the thread, -1 asks for no waiting, others are a CUstream.

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor_desc.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "lease.h"

namespace millrace::python {

/// Raises BufferError, as the array API asks of what cannot be given or taken.
[[noreturn]] void refuse(const std::string& why);

/// What a consumer asks of `__dlpack__`.
struct DlpackRequest {
    nanobind::object stream;
    nanobind::object max_version;
    nanobind::object dl_device;
    nanobind::object copy;
};

/// A capsule of the first part of the lease that `desc` describes. The consumer's stream waits for the engine's writes.
/// Raises BufferError for what cannot be given, ValueError for stream 0, which DLPack leaves undefined.
[[nodiscard]] nanobind::object export_dlpack(const std::shared_ptr<Lease>& lease, const core::TensorDesc& desc,
                                             const DlpackRequest& request);

/// The stream of that number waits for the engine's writes. Raises ValueError for stream 0.
void wait_for(const device::Tensor& tensor, const nanobind::object& stream);

/// (device type, index)
[[nodiscard]] nanobind::tuple dlpack_device(device::DeviceId device);

/// A view of somebody else's array on a GPU: compact, of a type that the engine has. `stream`, one of the engine's,
/// waits for the array's producer. The tensor keeps the array: whoever gives it up holds the GIL and has seen the work
/// on it done, so hand it to BorrowedArrays. Raises TypeError: it speaks no DLPack; BufferError: it is not on the
/// stream's device, not compact, or of another type.
[[nodiscard]] device::Tensor import_dlpack(nanobind::handle array, device::StreamRef stream);

/// Whether an array says that it is on a GPU.
[[nodiscard]] bool is_on_gpu(nanobind::handle array);

/// What is enqueued later on the stream of that number, of `device`, runs behind `done`; where nobody knows the stream,
/// the calling thread waits. Without the GIL.
void go_on_behind(device::EventRef done, std::optional<std::uintptr_t> stream, device::DeviceId device);

/// Arrays of others that enqueued work still reads. Use with the GIL.
class BorrowedArrays {
  public:
    /// Until what is enqueued on `stream` now is done.
    void keep(device::Tensor array, device::StreamRef stream);
    /// Gives up those whose work is done.
    void drop_done();
    /// Waits for all.
    void drop_all();

  private:
    struct Borrowed {
        device::Tensor array;
        device::Event done;
    };
    std::vector<Borrowed> arrays_;
    std::vector<device::Event> spare_;  ///< to use again
};

}  // namespace millrace::python
