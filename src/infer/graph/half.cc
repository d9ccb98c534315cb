#include "infer/graph/half.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "infer/graph/model_file.h"
#include "infer/graph/operators.h"
#include "infer/graph/weights.h"

namespace millrace::infer::graph {
namespace {

/// Rewrites the main graph. A value keeps its name for its float32 version, whoever needs one; the float16 version has
/// a name of its own. So inputs, outputs and what subgraphs see stay as they are, and a cast stands wherever one
/// version is there and the other is needed.
class HalfPass {
  public:
    explicit HalfPass(onnx::GraphProto& graph) : graph_(graph) {
        note_names(graph);
        for (const onnx::TensorProto& tensor : graph.initializer()) {
            if (tensor.data_type() == onnx::TensorProto::FLOAT) constants_.emplace(tensor.name(), &tensor);
        }
        for (const auto* list : {&graph.input(), &graph.output(), &graph.value_info()}) {
            for (const onnx::ValueInfoProto& value : *list) {
                const onnx::TypeProto& type = value.type();
                if (type.has_tensor_type() && type.tensor_type().elem_type() == onnx::TensorProto::FLOAT) {
                    floats_.insert(value.name());
                }
            }
        }
        for (const auto& [name, tensor] : constants_) floats_.insert(name);
    }

    void run() {
        google::protobuf::RepeatedPtrField<onnx::NodeProto> original;
        original.Swap(graph_.mutable_node());
        // The weights of Constant nodes are referred to until the end.
        for (onnx::NodeProto& node : original) {
            if (goes_half(node)) {
                make_half(node);
            } else {
                keep(node);
            }
        }
        for (const onnx::ValueInfoProto& output : graph_.output()) need_float(output.name());
        remove_unused_weights();
        for (onnx::TensorProto& tensor : new_weights_) *graph_.add_initializer() = std::move(tensor);
    }

    [[nodiscard]] int half_nodes() const { return half_nodes_; }
    [[nodiscard]] int clamped() const { return clamped_; }
    [[nodiscard]] int beyond_range() const { return beyond_range_; }

  private:
    void note_names(const onnx::GraphProto& graph) {
        for (const auto& value : graph.input()) names_.insert(value.name());
        for (const auto& tensor : graph.initializer()) names_.insert(tensor.name());
        for (const onnx::NodeProto& node : graph.node()) {
            names_.insert(node.output().begin(), node.output().end());
            for (const onnx::AttributeProto& attribute : node.attribute()) {
                if (attribute.has_g()) note_names(attribute.g());
                for (const onnx::GraphProto& inner : attribute.graphs()) note_names(inner);
            }
        }
    }

    std::string new_name(const std::string& name) {
        std::string made = name + "/float16";
        while (!names_.insert(made).second) made += "_";
        return made;
    }

    [[nodiscard]] bool is_float(const std::string& name) const { return floats_.contains(name); }
    [[nodiscard]] bool is_constant(const std::string& name) const { return constants_.contains(name); }

    bool constant_exceeds(const std::string& name) {
        const auto constant = constants_.find(name);
        if (constant == constants_.end()) return false;
        const auto [known, added] = exceeds_.try_emplace(name, false);
        if (added) known->second = exceeds_half(*constant->second);
        return known->second;
    }

    /// Inputs that become float16, without those left out.
    static std::vector<int> half_inputs(const onnx::NodeProto& node, const HalfRule& rule) {
        std::vector<int> indices;
        for (int i = 0; i < node.input_size(); ++i) {
            const bool affected = i >= 32 ? rule.inputs == ~0U : (rule.inputs >> static_cast<unsigned>(i) & 1U) != 0;
            if (affected && !node.input(i).empty()) indices.push_back(i);
        }
        return indices;
    }

    bool goes_half(const onnx::NodeProto& node) {
        const HalfRule rule = half_rule(node);
        if (rule.worth == Worth::never) return false;
        const auto used = [](const std::string& output) { return !output.empty(); };
        if (rule.outputs == HalfRule::Outputs::first && std::ranges::count_if(node.output(), used) > 1) return false;
        const std::vector<int> inputs = half_inputs(node, rule);
        const auto every = [&](auto condition) {
            return std::ranges::all_of(inputs, [&](int i) { return condition(node.input(i)); });
        };
        if (inputs.empty() || !every([&](const std::string& name) { return is_float(name); })) return false;
        if (rule.worth == Worth::heavy) {
            if (every([&](const std::string& name) { return !constant_exceeds(name); })) return true;
            ++beyond_range_;
            return false;
        }
        return !every([&](const std::string& name) { return is_constant(name) || !halves_.contains(name); });
    }

    void make_half(onnx::NodeProto& node) {
        const HalfRule rule = half_rule(node);
        const std::vector<int> inputs = half_inputs(node, rule);
        for (int i = 0; i < node.input_size(); ++i) {
            if (std::ranges::find(inputs, i) != inputs.end()) {
                *node.mutable_input(i) = need_half(node.input(i));
            } else {
                need_float(node.input(i));
            }
        }
        for (std::string& output : *node.mutable_output()) {
            if (output.empty()) continue;
            floats_.insert(output);
            const std::string half = new_name(output);
            halves_.emplace(output, half);
            not_yet_float_.insert(output);
            output = half;
        }
        ++half_nodes_;
        *graph_.add_node() = std::move(node);
    }

    void keep(onnx::NodeProto& node) {
        for (const std::string& input : node.input()) need_float(input);
        need_floats_of_subgraphs(node);
        for (int i = 0; i < node.output_size(); ++i) {
            const std::string& output = node.output(i);
            if (is_float_output(node, i, [this](const std::string& name) { return is_float(name); })) {
                floats_.insert(output);
            }
        }
        onnx::NodeProto* kept = graph_.add_node();
        *kept = std::move(node);
        const onnx::AttributeProto* value =
            kept->op_type() == "Constant" && kept->domain().empty() ? find_attribute(*kept, "value") : nullptr;
        if (value != nullptr && value->t().data_type() == onnx::TensorProto::FLOAT && kept->output_size() == 1) {
            constants_.emplace(kept->output(0), &value->t());
        }
    }

    /// Subgraphs see the values of the graph around them by name.
    void need_floats_of_subgraphs(const onnx::NodeProto& node) {
        for (const onnx::AttributeProto& attribute : node.attribute()) {
            if (attribute.has_g()) need_floats_of(attribute.g());
            for (const onnx::GraphProto& inner : attribute.graphs()) need_floats_of(inner);
        }
    }

    void need_floats_of(const onnx::GraphProto& inner) {
        for (const onnx::NodeProto& node : inner.node()) {
            for (const std::string& input : node.input()) need_float(input);
            need_floats_of_subgraphs(node);
        }
        for (const onnx::ValueInfoProto& output : inner.output()) need_float(output.name());
    }

    std::string need_half(const std::string& name) {
        if (const auto known = halves_.find(name); known != halves_.end()) return known->second;
        std::string half = new_name(name);
        if (const auto constant = constants_.find(name); constant != constants_.end()) {
            if (constant_exceeds(name)) ++clamped_;
            new_weights_.push_back(to_half(*constant->second, half));
        } else {
            add_cast(name, half, onnx::TensorProto::FLOAT16);
        }
        halves_.emplace(name, half);
        return half;
    }

    void need_float(const std::string& name) {
        used_as_float_.insert(name);
        if (not_yet_float_.erase(name) > 0) add_cast(halves_.at(name), name, onnx::TensorProto::FLOAT);
    }

    void add_cast(const std::string& from, const std::string& to, onnx::TensorProto::DataType type) {
        onnx::NodeProto& cast = *graph_.add_node();
        cast.set_op_type("Cast");
        cast.set_name(new_name(to + "/cast"));
        cast.add_input(from);
        cast.add_output(to);
        onnx::AttributeProto& attribute = *cast.add_attribute();
        attribute.set_name("to");
        attribute.set_type(onnx::AttributeProto::INT);
        attribute.set_i(type);
        if (type == onnx::TensorProto::FLOAT16) used_as_float_.insert(from);
    }

    void remove_unused_weights() {
        const auto unused = [this](const auto& value) {
            return halves_.contains(value.name()) && is_constant(value.name()) &&
                   !used_as_float_.contains(value.name());
        };
        auto& inputs = *graph_.mutable_input();
        inputs.erase(std::remove_if(inputs.begin(), inputs.end(), unused), inputs.end());
        auto& weights = *graph_.mutable_initializer();
        weights.erase(std::remove_if(weights.begin(), weights.end(), unused), weights.end());
        // Types of values that are gone.
        auto& values = *graph_.mutable_value_info();
        values.erase(std::remove_if(values.begin(), values.end(),
                                    [this](const auto& value) { return not_yet_float_.contains(value.name()); }),
                     values.end());
    }

    onnx::GraphProto& graph_;
    std::set<std::string> names_;                                ///< of all values and nodes made here, subgraphs' too
    std::set<std::string> floats_;                               ///< values that are float32 in the original
    std::map<std::string, const onnx::TensorProto*> constants_;  ///< float32 weights
    std::map<std::string, bool> exceeds_;        ///< weights that were looked at: are some beyond the range
    std::map<std::string, std::string> halves_;  ///< value to its float16 version
    std::set<std::string> not_yet_float_;        ///< values that are there as float16 only
    std::set<std::string> used_as_float_;
    std::vector<onnx::TensorProto> new_weights_;
    int half_nodes_ = 0;
    int clamped_ = 0;
    int beyond_range_ = 0;
};

onnx::ModelProto parse(std::span<const std::byte> bytes, const std::string& path) {
    onnx::ModelProto model;
    const bool fits = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
    if (!fits || !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph()) {
        throw bad_model(path, "not an ONNX file");
    }
    constexpr int oldest = 7;
    for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
        if (set.domain().empty() && set.version() < oldest) {
            throw bad_model(path,
                            fmt::format("cannot be made float16: it uses operator set {}; export it with {} or later",
                                        set.version(), oldest));
        }
    }
    const auto& nodes = model.graph().node();
    if (const auto found = std::ranges::find_if(nodes, is_quantisation); found != nodes.end()) {
        throw bad_model(path,
                        fmt::format("cannot be made float16: it is quantised ({}); use the float32 model that it was "
                                    "made of",
                                    found->op_type()));
    }
    return model;
}

}  // namespace

HalfModel to_half(std::span<const std::byte> bytes, const std::string& path) {
    onnx::ModelProto model = parse(bytes, path);
    embed_external_data(model, path);
    HalfModel result;
    result.all_nodes = model.graph().node_size();
    HalfPass pass(*model.mutable_graph());
    pass.run();
    result.half_nodes = pass.half_nodes();
    if (result.half_nodes == 0) return result;
    if (pass.clamped() > 0) {
        result.notes.push_back(
            fmt::format("{} constants of model {} have values beyond float16's range, which became "
                        "its largest, 65504",
                        pass.clamped(), path));
    }
    if (pass.beyond_range() > 0) {
        result.notes.push_back(
            fmt::format("{} nodes of model {} stay in float32, as they have weights beyond float16's "
                        "range",
                        pass.beyond_range(), path));
    }
    if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
        !model.SerializeToString(&result.bytes)) {
        throw bad_model(path,
                        fmt::format("cannot be made float16 here: the result has {} bytes, and ONNX Runtime takes a "
                                    "model in memory up to 2 GiB",
                                    model.ByteSizeLong()));
    }
    return result;
}

HalfModel file_to_half(const std::string& path) { return to_half(read_model_file(path), path); }

}  // namespace millrace::infer::graph
