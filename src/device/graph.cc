#include "device/graph.h"

#include <cassert>
#include <utility>

#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

/// The stream is between begin_capture() and end_capture().
class Capturing {
  public:
    explicit Capturing(StreamRef stream) : stream_(stream) { cuda::begin_capture(stream); }
    ~Capturing() {
        if (!ended_) cuda::abandon_capture(stream_);
    }
    Capturing(const Capturing&) = delete;
    Capturing& operator=(const Capturing&) = delete;
    Capturing(Capturing&&) = delete;
    Capturing& operator=(Capturing&&) = delete;

    void* end(std::string& reason) {
        ended_ = true;
        return cuda::end_capture(stream_, reason);
    }

  private:
    StreamRef stream_;
    bool ended_ = false;
};

}  // namespace

Graph::~Graph() {
    if (native_ != nullptr) cuda::destroy_graph(device_.index, native_);
}

Graph::Graph(Graph&& other) noexcept : device_(other.device_), native_(std::exchange(other.native_, nullptr)) {}

Graph& Graph::operator=(Graph&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(native_, other.native_);
    return *this;
}

Graph Graph::capture(StreamRef stream, const std::function<void()>& enqueue, std::string& reason) {
    Capturing capturing(stream);
    enqueue();
    Graph graph;
    graph.device_ = stream.device;
    graph.native_ = capturing.end(reason);
    return graph;
}

void Graph::launch(StreamRef stream) const {
    assert(native_ != nullptr && stream.device == device_);
    cuda::launch_graph(stream, native_);
}

}  // namespace millrace::device
