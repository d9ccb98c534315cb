#pragma once
// Which of a model's nodes run together.

#include <set>
#include <string>
#include <vector>

#include "infer/fused/trace.h"

namespace millrace::infer::fused {

/// Some of the layers of a trace's draft, or some of the nodes that stay with the runtime: all that can run one after
/// the other with nothing of the other kind between.
struct Stage {
    std::vector<int> layers;  ///< of the draft, ascending; empty: it is of nodes
    std::vector<int> nodes;   ///< of the model, ascending; empty: it is of layers
    /// Values that layers read or give across the stage's border, and what the runtime's nodes do, by name.
    std::set<int> values_in;
    std::set<int> values_out;
    std::set<std::string> names_in;
    std::set<std::string> names_out;

    [[nodiscard]] bool is_fused() const { return !layers.empty(); }
};

/// The stages of what the model's outputs need, in an order in which they can run. A layer or node stands in the first
/// stage of its kind behind all that it reads, so that no two stages need one another.
[[nodiscard]] std::vector<Stage> partition(Trace& trace);

/// Nodes in stages of layers that had better stay with the runtime:
/// - with fewer multiplications in convolutions and matrix products than `least_work` for each value that crosses the
///   stage's border, as values change their layout and type there;
/// - between two stages of the runtime's nodes of which one gives the other a tensor of a type that does not pass
///   between them, or of a shape that is known only once it is there.
/// Empty where all that is computed is fused.
[[nodiscard]] std::set<int> not_worth_fusing(Trace& trace, const std::vector<Stage>& stages, double least_work);

}  // namespace millrace::infer::fused
