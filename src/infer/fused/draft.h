#pragma once
// A net in the making: a layer for each node of the model first, joined afterwards.

#include <set>
#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused {

struct DraftLayer {
    Layer layer;
    std::vector<int> nodes;       ///< of the model that it computes, but for those of steps
    std::vector<int> step_nodes;  ///< of each step, until steps are put together: then of all
};

/// Layers in an order in which they can run; as in a Net, every value is written by one of them or comes from outside.
struct Draft {
    int batch = 1;
    std::vector<Value> values;
    std::vector<DraftLayer> layers;
    std::set<int> kept;  ///< values that are wanted outside

    [[nodiscard]] const Value& value(int index) const { return values.at(static_cast<std::size_t>(index)); }
    int add_value(const Value& value) {
        values.push_back(value);
        return static_cast<int>(values.size()) - 1;
    }
    /// Place of the layer that writes a value; -1: it comes from outside.
    [[nodiscard]] int writer(int value) const;
    /// How often layers read a value.
    [[nodiscard]] int readers(int value) const;
    /// Whether whoever reads it may take the layer over: one reader, and not wanted outside.
    [[nodiscard]] bool is_private(int value) const { return !kept.contains(value) && readers(value) == 1; }
};

/// Whether a step reads no other value than the one that it changes.
[[nodiscard]] inline bool is_alone(const Pointwise& step) { return step.value < 0; }

}  // namespace millrace::infer::fused
