#include "infer/fused/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <utility>

#include "infer/fused/fold_affine.h"
#include "infer/fused/join.h"
#include "infer/fused/partition.h"
#include "infer/fused/split.h"
#include "infer/fused/trace.h"
#include "infer/graph/onnx_model.h"

namespace millrace::infer::fused {
namespace {

using graph::ElementType;
using graph::TensorType;

void fuse(Draft& draft) {
    remove_unread(draft);
    join_padding(draft);
    join_steps(draft);
    move_before_shuffles(draft);
    fold_into_layers(draft);
    fold_into_next(draft);
    remove_idle(draft);
    join_resizes(draft);
    split_layers(draft);
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

/// Makes parts of stages, and tells the nodes' fates.
class PartMaker {
  public:
    PartMaker(Trace& trace, const graph::OnnxModel& model, const std::vector<Stage>& stages)
        : trace_(trace), model_(model), stages_(stages) {
        for (const graph::Node& node : trace.graph().nodes) {
            lowered_.nodes.push_back({node.name, node.op, trace.reasons()[lowered_.nodes.size()], ""});
            made_.insert(node.outputs.begin(), node.outputs.end());
        }
    }

    Lowered run() {
        for (const Stage& stage : stages_) lowered_.parts.push_back(stage.is_fused() ? fused(stage) : left(stage));
        return std::move(lowered_);
    }

  private:
    /// Of a value between two parts of fused layers, which the model may have no name for.
    static std::string name_of(int value) { return fmt::format("fused/{}", value); }

    /// The model's outputs in its order, then what other parts read.
    [[nodiscard]] std::vector<std::string> names_out(const Stage& stage) const {
        std::set<std::string> left = stage.names_out;
        std::vector<std::string> names;
        for (const graph::GraphPort& port : trace_.graph().outputs) {
            if (left.erase(port.name) > 0) names.push_back(port.name);
        }
        names.insert(names.end(), left.begin(), left.end());
        return names;
    }

    [[nodiscard]] PartPort between(int value) const {
        constexpr ElementType float16 = 10;
        const auto& [channels, height, width] = trace_.draft().value(value);
        return {name_of(value), {float16, graph::Shape{trace_.draft().batch, channels, height, width}}};
    }

    [[nodiscard]] bool goes_to_layers(int value) const {
        return std::ranges::any_of(
            stages_, [value](const Stage& stage) { return stage.is_fused() && stage.values_in.contains(value); });
    }

    Part fused(const Stage& stage) {
        Part part;
        std::vector<NetPort> inputs;
        std::vector<NetPort> outputs;
        for (const int value : stage.values_in) {
            const auto source = trace_.sources().find(value);
            const bool named = source != trace_.sources().end();
            part.inputs.push_back(named ? PartPort{source->second, trace_.type_of(source->second)} : between(value));
            inputs.push_back({part.inputs.back().name, value});
        }
        const auto give = [&](PartPort port, int value) {
            outputs.push_back({port.name, value});
            part.outputs.push_back(std::move(port));
        };
        for (const std::string& name : names_out(stage)) {
            const Export& exported = trace_.exports().at(name);
            give({name, {trace_.type_of(name).element, exported.shape}}, exported.value);
        }
        for (const int value : stage.values_out) {
            if (goes_to_layers(value)) give(between(value), value);
        }
        Draft draft = draft_of(stage);
        fuse(draft);
        part.nodes = tell(draft);
        part.body = net_of(draft, inputs, outputs);
        return part;
    }

    [[nodiscard]] Draft draft_of(const Stage& stage) {
        Draft draft;
        draft.batch = trace_.draft().batch;
        draft.values = trace_.draft().values;
        draft.kept = stage.values_out;
        for (const int layer : stage.layers) {
            draft.layers.push_back(std::move(trace_.draft().layers[static_cast<std::size_t>(layer)]));
        }
        return draft;
    }

    /// Which nodes the layers compute; returns how many.
    int tell(const Draft& draft) {
        std::set<int> nodes;
        for (const DraftLayer& each : draft.layers) {
            for (const auto* owners : {&each.nodes, &each.step_nodes}) {
                for (const int node : *owners) {
                    if (static_cast<std::size_t>(node) >= lowered_.nodes.size()) continue;
                    NodeFate& fate = lowered_.nodes[static_cast<std::size_t>(node)];
                    if (!fate.reason.empty()) continue;  // computed twice: the runtime needs what it gives too
                    fate.layer = each.layer.name;
                    fate.part = static_cast<int>(lowered_.parts.size());
                    nodes.insert(node);
                }
            }
        }
        return static_cast<int>(nodes.size());
    }

    Part left(const Stage& stage) {
        Part part;
        graph::Section section;
        for (const int node : stage.nodes) {
            section.nodes.push_back(static_cast<std::size_t>(node));
            lowered_.nodes[static_cast<std::size_t>(node)].part = static_cast<int>(lowered_.parts.size());
            add_constants(trace_.graph().nodes[static_cast<std::size_t>(node)], section);
        }
        for (const std::string& name : stage.names_in) {
            part.inputs.push_back({name, trace_.type_of(name)});
            section.inputs.emplace(name, trace_.type_of(name));
        }
        for (const std::string& name : names_out(stage)) {
            part.outputs.push_back({name, trace_.type_of(name)});
            section.outputs.emplace_back(name, trace_.type_of(name));
        }
        part.nodes = static_cast<int>(stage.nodes.size());
        part.body = model_.cut(section);
        return part;
    }

    /// Those that were computed ahead.
    void add_constants(const graph::Node& node, graph::Section& section) const {
        for (const auto* names : {&node.inputs, &node.captured}) {
            for (const std::string& name : *names) {
                const graph::Constant* constant = trace_.constant(name);
                if (constant == nullptr || !made_.contains(name)) continue;
                section.constants.emplace(name, graph::TypedConstant{trace_.type_of(name).element, *constant});
            }
        }
    }

    Trace& trace_;
    const graph::OnnxModel& model_;
    const std::vector<Stage>& stages_;
    std::set<std::string> made_;  ///< by nodes
    Lowered lowered_;
};

/// Whether every output of the model comes out of some stage.
bool gives_all(const Trace& trace, const std::vector<Stage>& stages) {
    return std::ranges::all_of(trace.graph().outputs, [&](const graph::GraphPort& port) {
        return std::ranges::any_of(stages, [&](const Stage& stage) { return stage.names_out.contains(port.name); });
    });
}

/// The same answer to the same question: walks are repeated.
TypeInference remembering(const TypeInference& infer) {
    if (!infer) return {};
    return [infer, known = std::map<std::string, std::vector<TensorType>>()](const std::string& model) mutable {
        const auto [place, added] = known.try_emplace(model);
        if (added) place->second = infer(model);
        return place->second;
    };
}

}  // namespace

/// What is not worth fusing is left out of the next walk, until everything is.
Lowered lower(std::span<const std::byte> model, const std::string& path, const InputShapes& inputs,
              const TypeInference& infer, double least_work) {
    const graph::OnnxModel whole(model, path);
    const TypeInference remembered = remembering(infer);
    std::set<int> left;
    while (true) {
        Trace trace({whole, inputs, remembered, left});
        trace.run();
        std::vector<Stage> stages = partition(trace);
        const std::size_t before = left.size();
        left.merge(not_worth_fusing(trace, stages, least_work));
        if (left.size() > before) continue;
        const bool any = std::ranges::any_of(stages, &Stage::is_fused);
        if (!any || !gives_all(trace, stages)) stages.clear();
        return PartMaker(trace, whole, stages).run();
    }
}

}  // namespace millrace::infer::fused
