#include <cuda_runtime_api.h>

#include <string>
#include <vector>

#include "device/cuda/check.h"
#include "device/cuda/runtime.h"

namespace millrace::device::cuda {

namespace {

/// Frees what a capture made.
class Captured {
  public:
    Captured(cudaGraph_t graph, int index) : graph_(graph), index_(index) {}
    ~Captured() { note(cudaGraphDestroy(graph_), index_); }
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    Captured(Captured&&) = delete;
    Captured& operator=(Captured&&) = delete;

    [[nodiscard]] std::vector<cudaGraphNode_t> nodes() const {
        std::size_t count = 0;
        check(cudaGraphGetNodes(graph_, nullptr, &count), "cudaGraphGetNodes", index_);
        std::vector<cudaGraphNode_t> all(count);
        if (count > 0) check(cudaGraphGetNodes(graph_, all.data(), &count), "cudaGraphGetNodes", index_);
        return all;
    }

  private:
    cudaGraph_t graph_;
    int index_;
};

bool on_device(const void* address) {
    cudaPointerAttributes attributes{};
    if (cudaPointerGetAttributes(&attributes, address) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());
        return false;
    }
    return attributes.type == cudaMemoryTypeDevice;
}

/// Host memory that a step reads or writes, and functions that it calls there, may be gone when it is repeated. Memory
/// that the work takes for itself (cuBLAS does) is the graph's; `taken` counts what it does not give back.
bool repeats(cudaGraphNode_t node, int index, int& taken) {
    cudaGraphNodeType type{};
    check(cudaGraphNodeGetType(node, &type), "cudaGraphNodeGetType", index);
    if (type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeMemset || type == cudaGraphNodeTypeEmpty)
        return true;
    if (type == cudaGraphNodeTypeMemAlloc || type == cudaGraphNodeTypeMemFree) {
        taken += type == cudaGraphNodeTypeMemAlloc ? 1 : -1;
        return true;
    }
    if (type != cudaGraphNodeTypeMemcpy) return false;
    cudaMemcpy3DParms copy{};
    if (cudaGraphMemcpyNodeGetParams(node, &copy) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());
        return false;
    }
    return on_device(copy.srcPtr.ptr) && on_device(copy.dstPtr.ptr);
}

}  // namespace

void begin_capture(StreamRef stream) {
    // Thread-local: what other threads do meanwhile (taking memory, making decoders) is neither part nor an error.
    check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture",
          stream.device.index);
}

void abandon_capture(StreamRef stream) noexcept {
    cudaGraph_t graph = nullptr;
    // Says that the capture was broken off, which is why we are here.
    static_cast<void>(cudaStreamEndCapture(native(stream), &graph));
    static_cast<void>(cudaGetLastError());
    if (graph != nullptr) note(cudaGraphDestroy(graph), stream.device.index);
}

void* end_capture(StreamRef stream, std::string& reason) {
    const int index = stream.device.index;
    const CurrentDevice current(index);
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(native(stream), &graph);
    if (ended != cudaSuccess || graph == nullptr) {
        static_cast<void>(cudaGetLastError());
        reason = cudaGetErrorString(ended);
        return nullptr;
    }
    const Captured captured(graph, index);
    int taken = 0;
    for (cudaGraphNode_t node : captured.nodes()) {
        if (repeats(node, index, taken)) continue;
        reason = "it has steps that involve the host";
        return nullptr;
    }
    if (taken != 0) {
        reason = "it takes memory that it does not give back, or the other way round";
        return nullptr;
    }
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate", index);
    return executable;
}

void launch_graph(StreamRef stream, void* graph) {
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), native(stream)), "cudaGraphLaunch", stream.device.index);
}

void destroy_graph(int index, void* graph) noexcept {
    note(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)), index);
}

}  // namespace millrace::device::cuda
