#pragma once
// Runs of a session as graphs.

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "device/graph.h"
#include "device/stream.h"
#include "device/tensor.h"

namespace millrace::infer {

/// Keeps a graph of a run for each set of memory that it works on: pools hand the same few blocks out again and again.
/// Libraries make what they keep for a thread in its first run, which a capture does not allow: a graph is launched
/// only in a thread whose run was the last that went kernel by kernel. For one thread at a time.
class Replays {
  public:
    using Tensors = std::span<const device::Tensor>;
    /// What a run enqueues, kept instead of done; empty where that cannot be.
    using Capture = std::function<device::Graph()>;

    /// What `stream` borrows outlives this.
    explicit Replays(device::StreamRef stream) : stream_(stream) {}

    /// Enqueue the run on these tensors as a graph, which is captured where there is none. False, and nothing enqueued:
    /// the thread has not run yet, it cannot be captured, or there are as many graphs as are kept.
    [[nodiscard]] bool launch(Tensors inputs, Tensors outputs, const Capture& capture);
    /// From here on launch() is false for memory that has no graph.
    void give_up() { captures_ = false; }
    /// The calling thread has enqueued a run kernel by kernel.
    void ran() { warm_thread_ = std::this_thread::get_id(); }

  private:
    device::StreamRef stream_;
    /// Of a tensor: its address, and its bytes, as one memory may hold a picture in one form and then in another.
    using Place = std::pair<std::byte*, std::size_t>;
    std::map<std::vector<Place>, device::Graph> graphs_;  ///< by the places of inputs and outputs
    bool captures_ = true;                                ///< false once a capture failed
    std::thread::id warm_thread_;
};

}  // namespace millrace::infer
