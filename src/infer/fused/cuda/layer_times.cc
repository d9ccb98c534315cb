#include "infer/fused/layer_times.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string>

#include "core/error.h"
#include "device/graph.h"
#include "infer/fused/cuda/net_runner.h"
#include "infer/fused/cuda/parts_runner.h"
#include "infer/timed_runs.h"

namespace millrace::infer::fused::cuda {
namespace {

constexpr int at_once = 10;
constexpr Measuring briefly{0.005, 2, 20};

/// Of work that takes no longer than starting it: as a graph of several.
double seconds_of(device::StreamRef stream, const std::function<void()>& enqueue) {
    const auto several = [&] {
        for (int i = 0; i < at_once; ++i) enqueue();
    };
    enqueue();
    device::synchronize(stream);
    std::string reason;
    device::Graph graph;
    try {
        graph = device::Graph::capture(stream, several, reason);
    } catch (const core::Error&) {  // then kernel by kernel
        graph = {};
    }
    const auto run = [&] { graph ? graph.launch(stream) : several(); };
    return seconds_a_run(stream, run, briefly) / at_once;
}

}  // namespace

std::vector<LayerTime> NetRunner::time_layers(std::span<const device::Tensor> inputs,
                                              std::span<const device::Tensor> outputs) {
    const device::StreamRef stream = handle_.stream();
    std::vector<LayerTime> times;
    times.push_back({taking_in, "", seconds_of(stream, [&] { take_in(inputs, {}); })});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const PlacedLayer& layer = layers_[i];
        if (layer.plan == nullptr && !layer.elementwise) continue;  // giving the result out does it on the way
        times.push_back({net_.layers[i].name, layer.plan != nullptr ? layer.plan->name() : "",
                         seconds_of(stream, [&] { enqueue(layer); })});
    }
    times.push_back({giving_out, "", seconds_of(stream, [&] { give_out(outputs, {}); })});
    return times;
}

std::vector<LayerTime> PartsRunner::time_layers(Tensors inputs, Tensors outputs) {
    std::vector<LayerTime> all;
    for (Loaded& part : parts_) {
        run(part, inputs, outputs);
        const Bound in = bound(part.inputs, inputs, outputs);
        const Bound out = bound(part.outputs, inputs, outputs);
        if (part.net != nullptr) {
            std::ranges::move(part.net->time_layers(in, out), std::back_inserter(all));
            continue;
        }
        const auto left = [&] { part.left->enqueue(in, out); };
        all.push_back({left_to_runtime, "", seconds_a_run(stream_, left, briefly)});
    }
    return all;
}

}  // namespace millrace::infer::fused::cuda
