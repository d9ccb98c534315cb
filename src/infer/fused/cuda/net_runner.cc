#include "infer/fused/cuda/net_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

#include "core/error.h"
#include "core/log.h"
#include "device/copy.h"
#include "infer/fused/cuda/elsewhere.h"
#include "infer/fused/depthwise.h"
#include "infer/fused/packing.h"
#include "infer/fused/weights.h"
#include "infer/timed_runs.h"

namespace millrace::infer::fused::cuda {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::size_t alignment = 256;
/// Plans that are measured for a kind of layer: cuDNN's own order is good, and each may take a second to compile.
constexpr int most_plans = 4;
constexpr Measuring briefly{0.005, 5, 20};

/// Halves of all layers, one behind the other, each aligned.
class Packed {
  public:
    std::size_t add(const Halves& halves) {
        const std::size_t offset = bytes_.size();
        bytes_.resize(offset + (halves.size() * sizeof(std::uint16_t) + alignment - 1) / alignment * alignment);
        std::memcpy(bytes_.data() + offset, halves.data(), halves.size() * sizeof(std::uint16_t));
        return offset;
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

Halves weights_for(const Convolution& convolution, const ChannelCounts& channels) {
    if (is_depthwise(convolution, channels.in)) return depthwise_weights(convolution, channels.padded_in);
    return arranged_weights(convolution, channels);
}

/// A net ends with a DepthToSpace that writing a result does on the way.
bool ends_in_blocks(const Net& net) {
    if (net.layers.empty()) return false;
    const Layer& last = net.layers.back();
    const auto* blocks = std::get_if<DepthToSpace>(&last.root);
    return blocks != nullptr && blocks->block <= most_unpacked && last.pointwise.empty() &&
           std::ranges::count(net.outputs, last.output, &NetPort::value) > 0;
}

std::vector<Result> results_of(const Net& net) {
    std::vector<Result> results;
    for (const NetPort& output : net.outputs) {
        if (ends_in_blocks(net) && output.value == net.layers.back().output) {
            const Layer& last = net.layers.back();
            results.push_back({last.inputs.front(), std::get<DepthToSpace>(last.root)});
        } else {
            results.push_back({output.value, {.block = 1, .columns_last = true}});
        }
    }
    return results;
}

bool is_packed(const device::Tensor& tensor, const std::optional<PackedPicture>& packed) {
    return packed && tensor.desc == packed->desc;
}

}  // namespace

NetRunner::NetRunner(Net net, device::StreamRef stream, const Planning& planning, NetMemory& memory,
                     device::Block values)
    : net_(std::move(net)),
      handle_(stream),
      memory_(memory),
      channels_(padded_channels(net_)),
      arena_(plan_arena(net_)),
      values_(std::move(values)),
      results_(results_of(net_)) {
    if (net_.inputs.size() == 1 && results_.size() == 1) {
        const Result& result = results_.front();
        borders_ = {packed_input(net_, net_.inputs.front().value, channels_),
                    packed_result(net_, result.value, result.blocks, channels_)};
    }
    place_weights();
    make_plans(planning);
    lease_workspace();
}

Value NetRunner::padded(int value) const {
    const auto index = static_cast<std::size_t>(value);
    const Value& shape = net_.values[index];
    return {channels_[index], shape.height, shape.width};
}

std::byte* NetRunner::address_of(int value) const {
    return values_.data + arena_.offsets[static_cast<std::size_t>(value)];
}

Pixels NetRunner::pixels_of(int value) const {
    const auto index = static_cast<std::size_t>(value);
    return {address_of(value), net_.batch, net_.values[index], channels_[index]};
}

void NetRunner::place_weights() {
    Packed packed;
    std::vector<std::vector<std::size_t>> offsets;
    for (const Layer& layer : net_.layers) {
        std::vector<std::size_t>& of_layer = offsets.emplace_back();
        const auto in = static_cast<std::size_t>(layer.inputs.front());
        const auto out = static_cast<std::size_t>(layer.output);
        const auto* convolution = std::get_if<Convolution>(&layer.root);
        const ChannelCounts counts{net_.values[in].channels, channels_[in], channels_[out]};
        of_layer.push_back(convolution == nullptr ? 0 : packed.add(weights_for(*convolution, counts)));
        for (const Pointwise& step : layer.pointwise) {
            if (step.constants.empty()) continue;
            of_layer.push_back(
                packed.add(arranged_constants(step.constants, net_.values[out].channels, channels_[out])));
        }
    }
    weights_ = memory_.lease(packed.bytes().size());
    const std::size_t bytes = packed.bytes().size();
    device::copy_rows(handle_.stream(), {weights_.data, bytes, packed.bytes().data(), bytes, bytes, 1});
    device::synchronize(handle_.stream());
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
        const Layer& layer = net_.layers[i];
        PlacedLayer& placed = layers_.emplace_back();
        placed.memory.input = address_of(layer.inputs.front());
        placed.memory.output = address_of(layer.output);
        placed.memory.weights = weights_.data + offsets[i][0];
        std::size_t constant = 1;
        for (const Pointwise& step : layer.pointwise) {
            if (!step.constants.empty()) placed.memory.operands.push_back(weights_.data + offsets[i][constant++]);
            if (step.value >= 0) placed.memory.operands.push_back(address_of(step.value));
        }
    }
}

ConvolutionSite NetRunner::site_of(const Layer& layer) const {
    ConvolutionSite site{net_.batch,           padded(layer.inputs.front()),
                         padded(layer.output), std::get<Convolution>(layer.root),
                         layer.pointwise,      {}};
    for (const Pointwise& step : layer.pointwise) {
        if (!step.constants.empty()) site.operands.push_back({{site.output.channels, 1, 1}, 1});
        if (step.value >= 0) site.operands.push_back({padded(step.value), net_.batch});
    }
    return site;
}

ElementwiseSite NetRunner::elementwise_of(const Layer& layer, const ConvolutionMemory& memory) const {
    const bool convolves = std::holds_alternative<Convolution>(layer.root) && !needs_plan(net_, layer);
    ElementwiseSite site{&layer, {}, pixels_of(layer.output), {}, convolves ? memory.weights : nullptr};
    for (const int value : layer.inputs) site.inputs.push_back(pixels_of(value));
    std::size_t next = 0;
    for (const Pointwise& step : layer.pointwise) {
        if (!step.has_operand()) continue;
        const bool whole = step.value >= 0 && padded(step.value) == padded(layer.output);
        site.operands.push_back({memory.operands.at(next++), whole, step.value >= 0});
    }
    return site;
}

void NetRunner::make_plans(const Planning& planning) {
    const std::size_t layers = ends_in_blocks(net_) ? layers_.size() - 1 : layers_.size();
    for (std::size_t i = 0; i < layers; ++i) {
        const Layer& layer = net_.layers[i];
        if (needs_plan(net_, layer)) {
            plan_convolution(layer, layers_[i], planning.store);
            planning.progress.count();
        } else {
            layers_[i].elementwise = elementwise_of(layer, layers_[i].memory);
        }
    }
}

/// Fused where cuDNN has a plan for that, else in two passes.
void NetRunner::plan_convolution(const Layer& layer, PlacedLayer& placed, PlanStore& plans) {
    ConvolutionSite site = site_of(layer);
    placed.plan = plan_for(site, placed.memory, plans);
    if (placed.plan != nullptr) return;
    const std::string fused = signature(site);
    placed.elementwise = elementwise_of(layer, placed.memory);
    site.pointwise = {};
    site.operands.clear();
    placed.memory.operands.clear();
    placed.plan = plan_for(site, placed.memory, plans);
    if (placed.plan != nullptr) return;
    throw Error(ErrorCode::failed, fmt::format("layer '{}': cuDNN has no plan for {}", layer.name, fused));
}

ConvolutionPlan* NetRunner::plan_for(const ConvolutionSite& site, const ConvolutionMemory& memory, PlanStore& plans) {
    const std::string key = signature(site);
    const auto [place, added] = plans_.try_emplace(key);
    if (added) {
        const StoredPlan* stored = plans.find(key);
        if (stored == nullptr) {
            place->second = fastest(site, memory, plans);
        } else if (!stored->bytes.empty()) {
            place->second = load_plan(handle_, site, *stored);
        }
    }
    return place->second.get();
}

std::unique_ptr<ConvolutionPlan> NetRunner::fastest(const ConvolutionSite& site, ConvolutionMemory memory,
                                                    PlanStore& plans) {
    std::unique_ptr<ConvolutionPlan> best;
    double least = std::numeric_limits<double>::max();
    for (std::unique_ptr<ConvolutionPlan>& plan : cuda::make_plans(handle_, site, most_plans)) {
        const device::Block workspace = memory_.lease(plan->workspace_bytes());
        memory.workspace = workspace.data;
        plan->enqueue(memory);
        const double seconds = seconds_a_run(handle_.stream(), [&] { plan->enqueue(memory); }, briefly);
        core::log::debug("fused: {}: {}: {:.6f} s", signature(site), plan->name(), seconds);
        if (seconds >= least) continue;
        least = seconds;
        best = std::move(plan);
    }
    plans.add(signature(site), best ? StoredPlan{best->bytes(), best->name(), least} : StoredPlan{});
    return best;
}

void NetRunner::lease_workspace() {
    std::size_t most = 0;
    for (const auto& [key, plan] : plans_) most = std::max(most, plan ? plan->workspace_bytes() : 0);
    workspace_ = memory_.lease(most);
    for (PlacedLayer& layer : layers_) layer.memory.workspace = workspace_.data;
}

Elsewhere NetRunner::packed_by_caller(std::span<const device::Tensor> inputs,
                                      std::span<const device::Tensor> outputs) const {
    Elsewhere elsewhere;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (is_packed(inputs[i], borders_.input)) elsewhere[net_.inputs.at(i).value] = inputs[i].data;
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (is_packed(outputs[i], borders_.output)) elsewhere[results_.at(i).value] = outputs[i].data;
    }
    return elsewhere;
}

void NetRunner::take_in(std::span<const device::Tensor> inputs, const Elsewhere& elsewhere) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const int value = net_.inputs.at(i).value;
        if (elsewhere.contains(value)) continue;
        pack(handle_.stream(), inputs[i].data, inputs[i].desc.dtype, pixels_of(value));
    }
}

void NetRunner::enqueue(const PlacedLayer& layer) {
    if (layer.plan != nullptr) layer.plan->enqueue(layer.memory);
    if (layer.elementwise) enqueue_elementwise(handle_.stream(), *layer.elementwise);
}

void NetRunner::give_out(std::span<const device::Tensor> outputs, const Elsewhere& elsewhere) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const Result& result = results_.at(i);
        if (elsewhere.contains(result.value)) continue;
        unpack(handle_.stream(), pixels_of(result.value), result.blocks, outputs[i].data, outputs[i].desc.dtype);
    }
}

void NetRunner::enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs) {
    const Elsewhere elsewhere = packed_by_caller(inputs, outputs);
    take_in(inputs, elsewhere);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (elsewhere.empty()) {
            enqueue(layers_[i]);
        } else {
            enqueue(with_values(layers_[i], net_.layers[i], elsewhere));
        }
    }
    give_out(outputs, elsewhere);
}

}  // namespace millrace::infer::fused::cuda
