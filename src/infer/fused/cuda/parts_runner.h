#pragma once
// The parts of a model on a GPU, one after the other. Private to src/infer/fused.

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "device/stream.h"
#include "device/tensor.h"
#include "infer/engine_runtime.h"
#include "infer/fused/cuda/net_memory.h"
#include "infer/fused/cuda/net_runner.h"
#include "infer/fused/lower.h"
#include "infer/fused/plan_progress.h"
#include "infer/fused/plan_store.h"
#include "infer/onnxruntime/cuda_part.h"
#include "infer/replays.h"

namespace millrace::infer::fused::cuda {

/// What parts are made with. Borrowed while they are made.
struct PartsSource {
    const ModelRequest& request;
    const ModelDescription& model;
    const std::vector<core::TensorDesc>& inputs;  ///< of the model
    const BuildProgress& progress;                ///< of choosing plans
};

/// A model in parts with their memory, for one stream. For one thread at a time.
class PartsRunner {
  public:
    using Tensors = std::span<const device::Tensor>;

    /// Takes the bodies of the parts. Plans as in NetRunner. Fused parts and what lies between parts take
    /// request.gpu_memory together at most, each of the runtime's what they have left. What `stream` borrows outlives
    /// this. Throws Error as NetRunner and make_cuda_part() do.
    PartsRunner(const PartsSource& source, std::vector<Part>& parts, device::StreamRef stream, PlanStore& plans);

    /// In the order of the model's outputs.
    [[nodiscard]] std::vector<core::TensorDesc> output_descs() const;
    /// In what other form enqueue() takes the picture, and gives the result, of a model that is one fused part.
    [[nodiscard]] Borders borders() const;
    /// What the runtime's parts say of nodes on the CPU, a sentence each.
    [[nodiscard]] std::vector<std::string> fallbacks() const;

    /// Enqueue one run. Fused parts are launched as graphs where the thread has run before.
    void enqueue(Tensors inputs, Tensors outputs);

    /// Seconds that each part takes, of a few runs.
    [[nodiscard]] std::vector<double> measure(Tensors inputs, Tensors outputs);
    /// Of each layer, and of what lies around them, part by part. Waits for the stream.
    [[nodiscard]] std::vector<LayerTime> time_layers(Tensors inputs, Tensors outputs);

  private:
    /// A tensor of the model: an input or output of a run, or one between two parts.
    struct Place {
        enum class Kind { input, output, between };
        Kind kind = Kind::between;
        std::size_t index = 0;  ///< of the model's inputs or outputs
        core::TensorDesc desc;
        device::Tensor tensor;  ///< of one between
    };
    struct Loaded {
        std::vector<std::size_t> inputs;  ///< indices of places
        std::vector<std::size_t> outputs;
        std::unique_ptr<NetRunner> net;  ///< or
        std::unique_ptr<ort::CudaPart> left;
        Replays replays;
    };
    using Bound = std::vector<device::Tensor>;

    void load(const PartsSource& source, Part& part, const Planning& planning);
    void free_what_is_read(const std::vector<Part>& parts, std::size_t done);
    [[nodiscard]] device::Tensor lease(const core::TensorDesc& desc);
    void place(const std::string& name, core::TensorDesc desc);
    [[nodiscard]] core::TensorDesc desc_of(const PartPort& port) const;
    [[nodiscard]] Bound bound(const std::vector<std::size_t>& places, Tensors inputs, Tensors outputs) const;
    void run(Loaded& part, Tensors inputs, Tensors outputs);

    const ModelDescription& model_;
    device::StreamRef stream_;
    NetMemory memory_;
    device::Block values_;                      ///< of one fused part after the other
    std::map<std::string, std::size_t> names_;  ///< of places
    std::vector<Place> places_;
    std::vector<device::Tensor> free_;  ///< memory of places that no part reads any more, by its whole size
    std::deque<Loaded> parts_;
};

}  // namespace millrace::infer::fused::cuda
