#include "infer/fused/lower.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "infer/fused/fold_affine.h"
#include "infer/fused/join.h"
#include "infer/fused/trace.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {
namespace {

/// An output that is an input needs a layer that copies it.
void separate_ports(Draft& draft, std::vector<NetPort>& outputs) {
    for (NetPort& output : outputs) {
        if (draft.writer(output.value) >= 0) continue;
        const int copy = draft.add_value(draft.value(output.value));
        draft.layers.push_back({{output.name, {output.value}, copy, Identity(), {}}, {}, {}});
        draft.kept.erase(output.value);
        draft.kept.insert(copy);
        output.value = copy;
    }
}

void fuse(Draft& draft) {
    remove_unread(draft);
    join_padding(draft);
    join_steps(draft);
    move_before_shuffles(draft);
    fold_into_layers(draft);
    fold_into_next(draft);
    remove_idle(draft);
    join_resizes(draft);
}

/// Values that are left, numbered anew in the order in which they come about.
class Renumbering {
  public:
    explicit Renumbering(const Draft& draft) : draft_(draft), places_(draft.values.size(), -1) {}

    int operator()(int value, Net& net) {
        int& place = places_[static_cast<std::size_t>(value)];
        if (place < 0) {
            place = static_cast<int>(net.values.size());
            net.values.push_back(draft_.value(value));
        }
        return place;
    }

  private:
    const Draft& draft_;
    std::vector<int> places_;
};

Net net_of(Draft& draft, const std::vector<NetPort>& inputs, const std::vector<NetPort>& outputs) {
    Net net;
    net.batch = draft.batch;
    Renumbering renumbered(draft);
    for (const NetPort& port : inputs) net.inputs.push_back({port.name, renumbered(port.value, net)});
    for (DraftLayer& each : draft.layers) {
        Layer layer = std::move(each.layer);
        for (int& input : layer.inputs) input = renumbered(input, net);
        for (Pointwise& step : layer.pointwise) {
            if (step.value >= 0) step.value = renumbered(step.value, net);
        }
        layer.output = renumbered(layer.output, net);
        net.layers.push_back(std::move(layer));
    }
    for (const NetPort& port : outputs) net.outputs.push_back({port.name, renumbered(port.value, net)});
    return net;
}

std::vector<NodeFate> fates_of(const Trace& trace, const Draft& draft) {
    std::vector<NodeFate> fates;
    const auto& nodes = trace.graph().nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        fates.push_back({nodes[i].name, nodes[i].op, trace.reasons()[i], ""});
    for (const DraftLayer& each : draft.layers) {
        for (const auto* owners : {&each.nodes, &each.step_nodes}) {
            for (const int node : *owners) {
                if (static_cast<std::size_t>(node) < fates.size()) {
                    fates[static_cast<std::size_t>(node)].layer = each.layer.name;
                }
            }
        }
    }
    return fates;
}

}  // namespace

Lowered lower(std::span<const std::byte> model, const std::string& path, const InputShapes& inputs) {
    Trace trace(graph::read_model(model, path), inputs);
    trace.run();
    Draft& draft = trace.draft();
    std::vector<NetPort> outputs = trace.outputs();
    separate_ports(draft, outputs);
    fuse(draft);
    Lowered lowered{std::nullopt, fates_of(trace, draft)};
    const bool all_fused = std::ranges::all_of(lowered.nodes, [](const NodeFate& node) { return node.reason.empty(); });
    const bool all_ports = outputs.size() == trace.graph().outputs.size();
    if (all_fused && all_ports && !outputs.empty()) lowered.net = net_of(draft, trace.inputs(), outputs);
    return lowered;
}

}  // namespace millrace::infer::fused
