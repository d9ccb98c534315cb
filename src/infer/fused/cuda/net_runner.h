#pragma once
// A net in a GPU's memory. Private to src/infer/fused.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "infer/borders.h"
#include "infer/fused/arena.h"
#include "infer/fused/cuda/convolution.h"
#include "infer/fused/cuda/cudnn.h"
#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/cuda/kernels.h"
#include "infer/fused/cuda/net_memory.h"
#include "infer/fused/layer_times.h"
#include "infer/fused/net.h"
#include "infer/fused/plan_progress.h"
#include "infer/fused/plan_store.h"

namespace millrace::infer::fused::cuda {

/// What a layer's kernel reads and writes, and how it is computed.
struct PlacedLayer {
    ConvolutionMemory memory;                    ///< of a convolution
    ConvolutionPlan* plan = nullptr;             ///< null: no convolution; several layers share one
    std::optional<ElementwiseSite> elementwise;  ///< no convolution, or what cuDNN does not fuse with one
};

/// Addresses of values that are not where the net keeps them.
using Elsewhere = std::map<int, std::byte*>;

/// Where plans come from, and who hears of them. Borrowed.
struct Planning {
    PlanStore& store;
    PlanProgress& progress;
};

/// A value that is unpacked to an output, and how.
struct Result {
    int value = 0;
    DepthToSpace blocks;
};

/// A net with its weights, its memory and a plan for each layer, for one stream. For one thread at a time.
class NetRunner {
  public:
    /// Plans come from the store; those that it lacks are chosen by measuring and added, which takes seconds. `values`:
    /// plan_arena(net).bytes or more of `memory`, which other nets on the stream may use too. What `stream` borrows
    /// outlives this, as `memory` does. Throws Error(failed) that names the layer that cannot be computed,
    /// Error(out_of_memory).
    NetRunner(Net net, device::StreamRef stream, const Planning& planning, NetMemory& memory, device::Block values);

    /// In what other form enqueue() takes the picture, and gives the result, of a net that has one of each.
    [[nodiscard]] const Borders& borders() const { return borders_; }

    /// Enqueue one run, from one tensor for each of the net's inputs to one for each of its outputs: elements of
    /// [N, C, H, W], float32 or float16, or as borders() has them. The same memory of the net's own is used by all
    /// runs, which the stream keeps apart.
    void enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs);

    /// How long each layer takes by itself, and what lies before and behind them: of elements of [N, C, H, W]. Waits
    /// for the stream.
    [[nodiscard]] std::vector<LayerTime> time_layers(std::span<const device::Tensor> inputs,
                                                     std::span<const device::Tensor> outputs);

  private:
    /// What comes, or is wanted, as borders() has it: layers read and write it where it is.
    [[nodiscard]] Elsewhere packed_by_caller(std::span<const device::Tensor> inputs,
                                             std::span<const device::Tensor> outputs) const;
    /// Of what is not elsewhere.
    void take_in(std::span<const device::Tensor> inputs, const Elsewhere& elsewhere);
    void enqueue(const PlacedLayer& layer);
    void give_out(std::span<const device::Tensor> outputs, const Elsewhere& elsewhere);
    void place_weights();
    void make_plans(const Planning& planning);
    void plan_convolution(const Layer& layer, PlacedLayer& placed, PlanStore& plans);
    [[nodiscard]] ConvolutionSite site_of(const Layer& layer) const;
    [[nodiscard]] ElementwiseSite elementwise_of(const Layer& layer, const ConvolutionMemory& memory) const;
    /// null: cuDNN has none.
    [[nodiscard]] ConvolutionPlan* plan_for(const ConvolutionSite& site, const ConvolutionMemory& memory,
                                            PlanStore& plans);
    [[nodiscard]] std::unique_ptr<ConvolutionPlan> fastest(const ConvolutionSite& site, ConvolutionMemory memory,
                                                           PlanStore& plans);
    [[nodiscard]] Value padded(int value) const;
    [[nodiscard]] std::byte* address_of(int value) const;
    [[nodiscard]] Pixels pixels_of(int value) const;
    void lease_workspace();

    const Net net_;
    cudnn::Handle handle_;
    NetMemory& memory_;
    const std::vector<int> channels_;  ///< of each value in memory
    const Arena arena_;
    device::Block values_;
    device::Block weights_;
    device::Block workspace_;
    std::vector<PlacedLayer> layers_;
    std::map<std::string, std::unique_ptr<ConvolutionPlan>> plans_;  ///< by signature
    std::vector<Result> results_;                                    ///< in the order of the net's outputs
    Borders borders_;
};

}  // namespace millrace::infer::fused::cuda
