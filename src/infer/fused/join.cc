#include "infer/fused/join.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace millrace::infer::fused {
namespace {

bool is_steps_alone(const Layer& layer) { return std::holds_alternative<Identity>(layer.root); }

/// Of a layer of steps that begins by putting two values of one size together: the same with the two exchanged.
bool can_exchange(const Draft& draft, const Layer& layer) {
    const Pointwise& first = layer.pointwise.front();
    return !is_alone(first) && draft.value(first.value) == draft.value(layer.inputs[0]);
}

/// Place of the layer that a layer of steps may join by its input; -1: none.
int joinable(const Draft& draft, int input) { return draft.is_private(input) ? draft.writer(input) : -1; }

/// Moves the layer at `from` behind the steps at `to`, and puts it there in their place.
void join(Draft& draft, std::size_t from, std::size_t to) {
    DraftLayer joined = std::move(draft.layers[from]);
    DraftLayer& steps = draft.layers[to];
    joined.layer.output = steps.layer.output;
    std::ranges::move(steps.layer.pointwise, std::back_inserter(joined.layer.pointwise));
    joined.nodes.insert(joined.nodes.end(), steps.nodes.begin(), steps.nodes.end());
    joined.step_nodes.insert(joined.step_nodes.end(), steps.step_nodes.begin(), steps.step_nodes.end());
    steps = std::move(joined);
    draft.layers.erase(draft.layers.begin() + static_cast<std::ptrdiff_t>(from));
}

/// Constants for the channels before a shuffle out of those for the channels behind it.
std::vector<float> before(const DepthToSpace& shuffle, const std::vector<float>& constants) {
    if (constants.size() == 1) return constants;
    const auto copies = static_cast<std::size_t>(shuffle.block) * static_cast<std::size_t>(shuffle.block);
    std::vector<float> result(constants.size() * copies);
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = constants[shuffle.columns_last ? i / copies : i % constants.size()];
    }
    return result;
}

void move_steps(DraftLayer& from, DraftLayer& to) {
    const auto& shuffle = std::get<DepthToSpace>(from.layer.root);
    auto& steps = from.layer.pointwise;
    const auto last = std::ranges::find_if_not(steps, is_alone);
    for (auto step = steps.begin(); step != last; ++step) {
        step->constants = before(shuffle, step->constants);
        to.layer.pointwise.push_back(std::move(*step));
    }
    const auto last_node = from.step_nodes.begin() + (last - steps.begin());
    to.step_nodes.insert(to.step_nodes.end(), from.step_nodes.begin(), last_node);
    from.step_nodes.erase(from.step_nodes.begin(), last_node);
    steps.erase(steps.begin(), last);
}

void replace(Draft& draft, int value, int by) {
    for (DraftLayer& each : draft.layers) {
        std::ranges::replace(each.layer.inputs, value, by);
        for (Pointwise& step : each.layer.pointwise) {
            if (step.value == value) step.value = by;
        }
    }
}

/// Whether a layer puts zeros around a picture, and does nothing else.
bool is_padding(const Layer& layer) {
    const auto* border = std::get_if<Border>(&layer.root);
    if (border == nullptr || border->kind != Border::Kind::zeros || !layer.pointwise.empty()) return false;
    const auto& [top, left, bottom, right] = border->pads;
    return std::min({top, left, bottom, right}) >= 0;
}

bool is_resizing(const Layer& layer) { return std::holds_alternative<Resize>(layer.root) && layer.pointwise.empty(); }

/// Takes the resizing at `from` into the concatenation at `to`, whose `input` it makes.
void resize_on_the_way(Draft& draft, std::size_t from, std::size_t to, std::size_t input) {
    const DraftLayer resizing = std::move(draft.layers[from]);
    DraftLayer& joined = draft.layers[to];
    auto& resizes = std::get<Concat>(joined.layer.root).resizes;
    resizes.resize(joined.layer.inputs.size());
    resizes[input] = std::get<Resize>(resizing.layer.root);
    joined.layer.inputs[input] = resizing.layer.inputs[0];
    joined.nodes.insert(joined.nodes.begin(), resizing.nodes.begin(), resizing.nodes.end());
    draft.layers.erase(draft.layers.begin() + static_cast<std::ptrdiff_t>(from));
}

/// Where a layer keeps its padding, if zeros around its picture are the same; nullptr: they are not.
Pads* padding_of(Layer& layer) {
    if (auto* conv = std::get_if<Convolution>(&layer.root)) return conv->transposed ? nullptr : &conv->pads;
    auto* pool = std::get_if<Pooling>(&layer.root);
    if (pool == nullptr || pool->kind == Pooling::Kind::max) return nullptr;
    if (pool->kind == Pooling::Kind::average && pool->pads != Pads()) return nullptr;
    pool->kind = Pooling::Kind::average_with_padding;
    return &pool->pads;
}

}  // namespace

void join_padding(Draft& draft) {
    for (std::size_t i = 0; i < draft.layers.size();) {
        const int from = joinable(draft, draft.layers[i].layer.inputs[0]);
        Pads* pads = nullptr;
        if (from >= 0 && is_padding(draft.layers[static_cast<std::size_t>(from)].layer)) {
            pads = padding_of(draft.layers[i].layer);
        }
        if (pads == nullptr) {
            ++i;
            continue;
        }
        const DraftLayer padding = std::move(draft.layers[static_cast<std::size_t>(from)]);
        const Pads& more = std::get<Border>(padding.layer.root).pads;
        *pads = {pads->top + more.top, pads->left + more.left, pads->bottom + more.bottom, pads->right + more.right};
        DraftLayer& layer = draft.layers[i];
        layer.layer.inputs = padding.layer.inputs;
        layer.nodes.insert(layer.nodes.begin(), padding.nodes.begin(), padding.nodes.end());
        draft.layers.erase(draft.layers.begin() + from);
    }
}

void remove_unread(Draft& draft) {
    for (std::size_t i = draft.layers.size(); i-- > 0;) {
        const int value = draft.layers[i].layer.output;
        if (draft.kept.contains(value) || draft.readers(value) > 0) continue;
        draft.layers.erase(draft.layers.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void join_steps(Draft& draft) {
    for (std::size_t i = 0; i < draft.layers.size();) {
        Layer& layer = draft.layers[i].layer;
        if (!is_steps_alone(layer) || layer.pointwise.empty()) {
            ++i;
            continue;
        }
        int from = joinable(draft, layer.inputs[0]);
        if (can_exchange(draft, layer)) {
            const int other = joinable(draft, layer.pointwise.front().value);
            if (other > from) {
                std::swap(layer.inputs[0], layer.pointwise.front().value);
                from = other;
            }
        }
        if (from < 0) {
            ++i;
        } else {
            join(draft, static_cast<std::size_t>(from), i);
        }
    }
}

void move_before_shuffles(Draft& draft) {
    for (std::size_t i = draft.layers.size(); i-- > 0;) {
        DraftLayer& shuffle = draft.layers[i];
        if (!std::holds_alternative<DepthToSpace>(shuffle.layer.root)) continue;
        const int from = joinable(draft, shuffle.layer.inputs[0]);
        if (from >= 0) move_steps(shuffle, draft.layers[static_cast<std::size_t>(from)]);
    }
}

void join_resizes(Draft& draft) {
    for (std::size_t i = 0; i < draft.layers.size(); ++i) {
        if (!std::holds_alternative<Concat>(draft.layers[i].layer.root)) continue;
        for (std::size_t k = 0; k < draft.layers[i].layer.inputs.size(); ++k) {
            const int from = joinable(draft, draft.layers[i].layer.inputs[k]);
            if (from >= 0 && is_resizing(draft.layers[static_cast<std::size_t>(from)].layer)) {
                resize_on_the_way(draft, static_cast<std::size_t>(from), i, k);
                --i;  // the resizing was before it
            }
        }
    }
}

void remove_idle(Draft& draft) {
    for (std::size_t i = 0; i < draft.layers.size();) {
        const Layer layer = draft.layers[i].layer;
        if (!is_steps_alone(layer) || !layer.pointwise.empty() || draft.kept.contains(layer.output)) {
            ++i;
            continue;
        }
        replace(draft, layer.output, layer.inputs[0]);
        draft.layers.erase(draft.layers.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

}  // namespace millrace::infer::fused
