#pragma once
// Work that is enqueued once and repeated at the price of one call.

#include <functional>
#include <string>

#include "device/stream.h"

namespace millrace::device {

/// Work of one stream, kept with the addresses that it reads and writes: repeating it makes sense while that memory is
/// there. Only on cuda. Work that still runs outlives the graph.
class Graph {
  public:
    Graph() = default;
    ~Graph();
    Graph(Graph&& other) noexcept;
    Graph& operator=(Graph&& other) noexcept;
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    /// Calls `enqueue`, and keeps what it enqueues on `stream` from the calling thread instead of having it done. Other
    /// threads may go on with their streams, not with this one. Empty where the work cannot be repeated, and `reason`
    /// says why: it waited for the GPU, it took memory, it has steps on the host. What `enqueue` throws passes through,
    /// and is likely where the work cannot be repeated. Throws Error(failed) where the device cannot go on.
    [[nodiscard]] static Graph capture(StreamRef stream, const std::function<void()>& enqueue, std::string& reason);

    [[nodiscard]] explicit operator bool() const { return native_ != nullptr; }
    /// Enqueue the work on `stream`, which is of the device of the capture. Not empty (asserted).
    void launch(StreamRef stream) const;

  private:
    DeviceId device_;
    void* native_ = nullptr;  ///< CUgraphExec
};

}  // namespace millrace::device
