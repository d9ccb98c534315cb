#pragma once
// One walk over a model's nodes, in their order: constants are computed, and of every other node comes a layer of its
// own, or a reason why not.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "infer/fused/draft.h"
#include "infer/fused/lower.h"
#include "infer/fused/view.h"
#include "infer/graph/model_graph.h"
#include "infer/graph/onnx_model.h"

namespace millrace::infer::fused {

/// Why something cannot be fused, a sentence without a full stop; "": it can.
using Reason = std::string;

/// Of nodes that could be fused, but are not.
inline constexpr std::string_view not_worth = "too little is computed there to be worth the way in and out";
inline constexpr std::string_view between = "it stands between nodes that are not fused";

/// The picture that a shape of two to four dimensions means; nullopt: none, or one that is too large for any device.
[[nodiscard]] std::optional<Value> picture_of(const graph::Shape& shape);

/// "[1, 3, 8, 8]"
[[nodiscard]] std::string shown(const graph::Shape& shape);

/// A value that a node reads as a picture.
struct Operand {
    int value = -1;
    Value size = {};
    graph::Shape shape = {};  ///< as the model has it
    Reason reason = {};       ///< not "": it is none, and the rest means nothing
};

/// What a walk is made over. Borrowed.
struct TraceSource {
    const graph::OnnxModel& model;
    const InputShapes& inputs;
    const TypeInference& infer;
    const std::set<int>& left;  ///< nodes that are not to be fused, as it is not worth it
};

/// A value under a name and a shape of the model: the same elements in the same order.
struct Export {
    int value = -1;
    graph::Shape shape;
};

class Trace {
  public:
    explicit Trace(const TraceSource& source);

    /// All nodes. The draft's layers stand apart then, one for each node that computes.
    void run();

    [[nodiscard]] const graph::ModelGraph& graph() const { return graph_; }
    /// Of the nodes, in their order: why they are not fused. What such a node reads is an export, a constant, an input
    /// of the model, or comes of another such node.
    [[nodiscard]] const std::vector<Reason>& reasons() const { return reasons_; }
    /// Names of values that no layer writes: inputs of the model, and what nodes with reasons give.
    [[nodiscard]] const std::map<int, std::string>& sources() const { return sources_; }
    /// What nodes with reasons and the model's outputs take of layers, by name.
    [[nodiscard]] const std::map<std::string, Export>& exports() const { return exports_; }
    /// As far as it is known.
    [[nodiscard]] graph::TensorType type_of(const std::string& name) const;
    /// To be taken away by the caller.
    [[nodiscard]] Draft& draft() { return draft_; }

    // For operators, which each see one node.

    [[nodiscard]] int operator_set() const { return graph_.operator_set; }
    /// nullptr: it is none.
    [[nodiscard]] const graph::Constant* constant(const std::string& name) const;
    /// nullopt: unknown, or no such value.
    [[nodiscard]] std::optional<graph::Shape> shape_of(const std::string& name) const;
    [[nodiscard]] Operand picture(const std::string& name);
    /// nullptr: it is none.
    [[nodiscard]] const View* view(const std::string& name) const;
    /// Adds a layer of the current node that reads `inputs`, and returns its value.
    int add(std::vector<int> inputs, Root root, const Value& output, std::vector<Pointwise> pointwise = {});
    /// Counts the nodes of another layer's steps as the last layer's too.
    void share_nodes(const DraftLayer& other);
    /// What the current node's output is. `shape`: as the model has it.
    void give(const std::string& name, int value, graph::Shape shape);
    void give(const std::string& name, View view);
    void give(const std::string& name, graph::Constant constant);
    /// The same as another value.
    void give_same(const std::string& name, const std::string& as);

  private:
    /// A value that fused layers do not make.
    struct Foreign {
        std::optional<graph::Shape> shape;  ///< -1: not known
        std::string why;                    ///< it cannot be read as a picture: a clause; "": perhaps it can
    };
    /// A view and the nodes that made it.
    struct Seen {
        View view;
        std::vector<int> nodes;
    };
    using Known = std::variant<Foreign, Seen, graph::Constant>;

    void visit(const graph::Node& node);
    Reason fold(const graph::Node& node);
    Reason lower(const graph::Node& node);
    void note_types(const graph::Node& node);
    // trace_borders.cc
    void add_inputs();
    void add_outputs();
    void add_output(const std::string& name);
    void leave_node(int node, const Reason& why);
    void leave(const std::string& name);
    void give_foreign(int node);
    [[nodiscard]] std::vector<graph::TensorType> ask(const graph::Node& node, int index) const;
    void export_as(const std::string& name, int value, graph::Shape shape);
    [[nodiscard]] std::vector<int> nodes_behind(const std::string& name) const;
    [[nodiscard]] std::optional<Root> reordered(const View& view) const;
    /// Makes a view a picture of its own by a layer; nullopt: there is none for it.
    std::optional<Operand> realise(const std::string& name);
    void leave_view(const std::string& name);
    Operand admit(const std::string& name, const Foreign& foreign);
    [[nodiscard]] const Known* find(const std::string& name) const;

    const TraceSource source_;
    graph::ModelGraph graph_;  ///< its constants are moved to known_
    Draft draft_;
    std::map<std::string, Known> known_;
    std::vector<Reason> reasons_;
    std::map<std::string, int> makers_;  ///< nodes by what they give
    std::map<int, std::string> sources_;
    std::map<std::string, Export> exports_;
    int current_ = 0;
    bool has_batch_ = false;
};

}  // namespace millrace::infer::fused
