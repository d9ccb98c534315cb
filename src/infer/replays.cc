#include "infer/replays.h"

#include <utility>

namespace millrace::infer {
namespace {

/// Sets of memory for which a graph is kept. Further ones run kernel by kernel.
constexpr std::size_t most_graphs = 32;

}  // namespace

bool Replays::launch(Tensors inputs, Tensors outputs, const Capture& capture) {
    if (warm_thread_ != std::this_thread::get_id()) return false;
    std::vector<Place> place;
    for (const device::Tensor& tensor : inputs) place.emplace_back(tensor.data, tensor.desc.byte_count());
    for (const device::Tensor& tensor : outputs) place.emplace_back(tensor.data, tensor.desc.byte_count());
    auto found = graphs_.find(place);
    if (found == graphs_.end() && captures_ && graphs_.size() < most_graphs) {
        device::Graph graph = capture();
        captures_ = static_cast<bool>(graph);
        if (graph) found = graphs_.emplace(std::move(place), std::move(graph)).first;
    }
    if (found == graphs_.end()) return false;
    found->second.launch(stream_);
    return true;
}

}  // namespace millrace::infer
