#pragma once
// One walk over a model's nodes, in their order: constants are computed, and of every other node comes a layer of its
// own, or a reason why not.

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "infer/fused/draft.h"
#include "infer/fused/lower.h"
#include "infer/fused/view.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// Why something cannot be fused, a sentence without a full stop; "": it can.
using Reason = std::string;

/// "[1, 3, 8, 8]"
[[nodiscard]] std::string shown(const graph::Shape& shape);

/// A value that a node reads as a picture.
struct Operand {
    int value = -1;
    Value size = {};
    graph::Shape shape = {};  ///< as the model has it
    Reason reason = {};       ///< not "": it is none, and the rest means nothing
};

class Trace {
  public:
    /// `inputs` outlive it.
    Trace(graph::ModelGraph graph, const InputShapes& inputs);

    /// All nodes. The draft's layers stand apart then, one for each node that computes.
    void run();

    /// Of the nodes, in their order; layers are not filled in.
    [[nodiscard]] const graph::ModelGraph& graph() const { return graph_; }
    [[nodiscard]] const std::vector<Reason>& reasons() const { return reasons_; }
    [[nodiscard]] const std::vector<NetPort>& inputs() const { return inputs_; }
    [[nodiscard]] const std::vector<NetPort>& outputs() const { return outputs_; }
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
    /// Of an output that stays with the model: its shape, where that is known.
    void give_shape(const std::string& name, graph::Shape shape);

  private:
    /// A value that fused layers do not make.
    struct Foreign {
        std::optional<graph::Shape> shape;
        std::string why;  ///< it is unknown: a clause
    };
    /// A view and the nodes that made it.
    struct Seen {
        View view;
        std::vector<int> nodes;
    };
    using Known = std::variant<Foreign, Seen, graph::Constant>;

    void add_inputs();
    void add_outputs();
    void visit(const graph::Node& node);
    Reason fold(const graph::Node& node);
    Reason lower(const graph::Node& node);
    void give_foreign(const graph::Node& node);
    [[nodiscard]] std::vector<int> nodes_behind(const std::string& name) const;
    [[nodiscard]] std::optional<Root> reordered(const View& view) const;
    Operand realise(const std::string& name, Seen& seen);
    Operand admit(const std::string& name, const Foreign& foreign);
    [[nodiscard]] const Known* find(const std::string& name) const;

    graph::ModelGraph graph_;  ///< its constants are moved to known_
    const InputShapes& shapes_;
    Draft draft_;
    std::map<std::string, Known> known_;
    std::vector<Reason> reasons_;
    std::vector<NetPort> inputs_;
    std::vector<NetPort> outputs_;
    int current_ = 0;
    bool has_batch_ = false;
};

}  // namespace millrace::infer::fused
