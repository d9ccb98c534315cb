#pragma once
// Where memory and work live.

#include <string>

namespace millrace::device {

enum class DeviceKind { host, cuda };

struct DeviceId {
    DeviceKind kind = DeviceKind::host;
    int index = 0;

    friend bool operator==(const DeviceId&, const DeviceId&) = default;
};

/// "cpu", "cuda:0".
[[nodiscard]] std::string to_string(DeviceId device);

/// Borrow of a queue of work on one device. The host stream runs work at once, on the calling thread, so that host and
/// CUDA functions share their signatures. A stream comes first in every function that enqueues work.
struct StreamRef {
    DeviceId device;
    void* native = nullptr;  ///< CUstream on cuda; unused on the host

    friend bool operator==(const StreamRef&, const StreamRef&) = default;
};

[[nodiscard]] inline StreamRef host_stream() { return {}; }

/// Work there is done once it is enqueued, and takes no time of a GPU.
[[nodiscard]] inline bool on_host(DeviceId device) { return device.kind == DeviceKind::host; }
[[nodiscard]] inline bool on_host(StreamRef stream) { return on_host(stream.device); }

}  // namespace millrace::device
