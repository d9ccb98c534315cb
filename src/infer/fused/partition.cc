#include "infer/fused/partition.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace millrace::infer::fused {
namespace {

using graph::Node;

/// Layers and nodes that are not fused as one graph: layers have the numbers of the draft, nodes those behind.
class Items {
  public:
    explicit Items(Trace& trace) : trace_(trace), layers_(static_cast<int>(trace.draft().layers.size())) {
        const auto& nodes = trace.graph().nodes;
        for (int i = 0; i < layers_; ++i) writers_.emplace(layer(i).output, i);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (trace.reasons()[i].empty()) continue;
            for (const std::string& output : nodes[i].outputs) {
                if (!output.empty()) makers_.emplace(output, layers_ + static_cast<int>(i));
            }
        }
        stages_.assign(static_cast<std::size_t>(layers_) + nodes.size(), unseen);
    }

    [[nodiscard]] bool is_layer(int item) const { return item < layers_; }
    [[nodiscard]] int node_of(int item) const { return item - layers_; }
    [[nodiscard]] const Layer& layer(int item) const {
        return trace_.draft().layers[static_cast<std::size_t>(item)].layer;
    }

    /// Values that a layer reads.
    [[nodiscard]] std::set<int> values_read(int item) const {
        const Layer& one = layer(item);
        std::set<int> values(one.inputs.begin(), one.inputs.end());
        for (const Pointwise& step : one.pointwise) {
            if (step.value >= 0) values.insert(step.value);
        }
        return values;
    }
    /// Names that a node reads, but for constants.
    [[nodiscard]] std::set<std::string> names_read(int item) const {
        const Node& node = trace_.graph().nodes[static_cast<std::size_t>(node_of(item))];
        std::set<std::string> names(node.inputs.begin(), node.inputs.end());
        names.insert(node.captured.begin(), node.captured.end());
        std::erase_if(names, [this](const std::string& name) {
            return name.empty() || (!makers_.contains(name) && trace_.constant(name) != nullptr);
        });
        return names;
    }

    /// Who gives a value, or what stands under a name; -1: it comes from outside the model, or of nothing known.
    [[nodiscard]] int giver(int value) const {
        if (const auto writer = writers_.find(value); writer != writers_.end()) return writer->second;
        const auto source = trace_.sources().find(value);
        return source == trace_.sources().end() ? -1 : maker(source->second);
    }
    [[nodiscard]] int giver(const std::string& name) const {
        if (const int found = maker(name); found >= 0) return found;
        const auto exported = trace_.exports().find(name);
        return exported == trace_.exports().end() ? -1 : giver(exported->second.value);
    }

    /// Layers in even stages, nodes in odd ones.
    int stage_of(int item) {
        int& stage = stages_[static_cast<std::size_t>(item)];
        if (stage != unseen) return stage;
        int first = is_layer(item) ? 0 : 1;
        for (const int from : read_by(item)) {
            const int before = stage_of(from);
            first = std::max(first, is_layer(from) == is_layer(item) ? before : before + 1);
        }
        return stages_[static_cast<std::size_t>(item)] = first;
    }

    /// Everything that has a stage by now.
    [[nodiscard]] std::vector<std::pair<int, int>> placed() const {
        std::vector<std::pair<int, int>> all;
        for (std::size_t i = 0; i < stages_.size(); ++i) {
            if (stages_[i] != unseen) all.emplace_back(stages_[i], static_cast<int>(i));
        }
        return all;
    }

  private:
    static constexpr int unseen = -1;

    [[nodiscard]] int maker(const std::string& name) const {
        const auto found = makers_.find(name);
        return found == makers_.end() ? -1 : found->second;
    }

    [[nodiscard]] std::set<int> read_by(int item) const {
        std::set<int> items;
        if (is_layer(item)) {
            for (const int value : values_read(item)) items.insert(giver(value));
        } else {
            for (const std::string& name : names_read(item)) items.insert(giver(name));
        }
        items.erase(-1);
        return items;
    }

    Trace& trace_;
    int layers_;
    std::map<int, int> writers_;         ///< layers by their values
    std::map<std::string, int> makers_;  ///< nodes by what they give
    std::vector<int> stages_;
};

/// Notes what crosses the borders of stages.
class Borders {
  public:
    Borders(Trace& trace, Items& items, std::map<int, Stage>& stages) : trace_(trace), items_(items), stages_(stages) {}

    void read_by_layer(int item) {
        const int here = items_.stage_of(item);
        for (const int value : items_.values_read(item)) {
            const int from = items_.giver(value);
            if (from >= 0 && items_.stage_of(from) == here) continue;
            stages_[here].values_in.insert(value);
            if (from < 0) continue;
            Stage& giving = stages_[items_.stage_of(from)];
            if (items_.is_layer(from)) {
                giving.values_out.insert(value);
            } else {
                giving.names_out.insert(trace_.sources().at(value));
            }
        }
    }

    void read_by_node(int item) {
        const int here = items_.stage_of(item);
        for (const std::string& name : items_.names_read(item)) {
            const int from = items_.giver(name);
            if (from >= 0 && items_.stage_of(from) == here) continue;
            stages_[here].names_in.insert(name);
            give(name);
        }
    }

    void give(const std::string& name) {
        const int from = items_.giver(name);
        if (from < 0) return;
        Stage& giving = stages_[items_.stage_of(from)];
        giving.names_out.insert(name);
        if (items_.is_layer(from)) giving.values_out.insert(trace_.exports().at(name).value);
    }

  private:
    Trace& trace_;
    Items& items_;
    std::map<int, Stage>& stages_;
};

double elements(const Draft& draft, int value) {
    const Value& size = draft.value(value);
    return double{1} * draft.batch * size.channels * size.height * size.width;
}

/// Multiplications of a convolution or a matrix product; 0: the layer is none of the model's.
double work_of(const Trace& trace, const Draft& draft, const DraftLayer& layer) {
    static const std::set<std::string> products{"Conv", "ConvTranspose", "Gemm", "MatMul"};
    const auto* conv = std::get_if<Convolution>(&layer.layer.root);
    const bool counts = conv != nullptr && std::ranges::any_of(layer.nodes, [&](int node) {
                            return products.contains(trace.graph().nodes[static_cast<std::size_t>(node)].op);
                        });
    if (!counts) return 0;
    const int from = conv->transposed ? layer.layer.output : layer.layer.inputs.front();
    const int to = conv->transposed ? layer.layer.inputs.front() : layer.layer.output;
    const double taps = double{1} * conv->kernel.y * conv->kernel.x;
    return elements(draft, to) * draft.value(from).channels / conv->groups * taps;
}

bool is_worth(Trace& trace, const Stage& stage, double least_work) {
    const Draft& draft = trace.draft();
    double work = 0;
    for (const int layer : stage.layers) work += work_of(trace, draft, draft.layers[static_cast<std::size_t>(layer)]);
    double crossing = 0;
    for (const auto* values : {&stage.values_in, &stage.values_out}) {
        for (const int value : *values) crossing += elements(draft, value);
    }
    return work >= least_work * crossing;
}

/// Whether a tensor can be handed from one part to another.
bool passes(const graph::TensorType& type) {
    // float32, uint8, int32, int64, float16
    static const std::set<graph::ElementType> known{1, 2, 6, 7, 10};
    return type.is_known() && known.contains(type.element);
}

void add_nodes(Trace& trace, const Stage& stage, std::set<int>& nodes) {
    for (const int layer : stage.layers) {
        const DraftLayer& draft = trace.draft().layers[static_cast<std::size_t>(layer)];
        nodes.insert(draft.nodes.begin(), draft.nodes.end());
        nodes.insert(draft.step_nodes.begin(), draft.step_nodes.end());
    }
}

/// The last stage that reads what stage `from` gives and cannot hand on; `from`: none does.
std::size_t last_reader(const Trace& trace, const std::vector<Stage>& stages, std::size_t from) {
    std::size_t last = from;
    for (std::size_t to = from + 1; to < stages.size(); ++to) {
        if (stages[to].is_fused()) continue;
        for (const std::string& name : stages[to].names_in) {
            if (stages[from].names_out.contains(name) && !passes(trace.type_of(name))) last = to;
        }
    }
    return last;
}

}  // namespace

std::vector<Stage> partition(Trace& trace) {
    Items items(trace);
    for (const graph::GraphPort& output : trace.graph().outputs) {
        if (const int from = items.giver(output.name); from >= 0) (void)items.stage_of(from);
    }
    std::map<int, Stage> stages;
    const std::vector<std::pair<int, int>> placed = items.placed();
    Borders borders(trace, items, stages);
    for (const auto& [stage, item] : placed) {
        if (items.is_layer(item)) {
            stages[stage].layers.push_back(item);
            borders.read_by_layer(item);
        } else {
            stages[stage].nodes.push_back(items.node_of(item));
            borders.read_by_node(item);
        }
    }
    for (const graph::GraphPort& output : trace.graph().outputs) borders.give(output.name);
    std::vector<Stage> result;
    for (auto& [number, stage] : stages) result.push_back(std::move(stage));
    return result;
}

std::set<int> not_worth_fusing(Trace& trace, const std::vector<Stage>& stages, double least_work) {
    std::set<int> nodes;
    if (std::ranges::all_of(stages, &Stage::is_fused)) return nodes;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (stages[i].is_fused()) {
            if (!is_worth(trace, stages[i], least_work)) add_nodes(trace, stages[i], nodes);
            continue;
        }
        const std::size_t last = last_reader(trace, stages, i);
        for (std::size_t on_the_way = i; on_the_way < last; ++on_the_way) add_nodes(trace, stages[on_the_way], nodes);
    }
    return nodes;
}

}  // namespace millrace::infer::fused
