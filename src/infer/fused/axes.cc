#include "infer/fused/axes.h"

#include <algorithm>
#include <utility>

namespace millrace::infer::fused {

using graph::Integers;
using graph::Shape;

std::optional<Integers> normalised_axes(Integers axes, std::size_t rank) {
    const auto limit = static_cast<std::int64_t>(rank);
    for (std::int64_t& axis : axes) {
        if (axis < 0) axis += limit;
        if (axis < 0 || axis >= limit) return std::nullopt;
    }
    Integers sorted = axes;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end()) return std::nullopt;
    return axes;
}

std::optional<Shape> reshaped(const graph::Node& node, const Shape& shape, const Integers& wanted) {
    Shape result = wanted;
    std::int64_t* open = nullptr;
    Shape known;
    for (std::size_t i = 0; i < result.size(); ++i) {
        if (result[i] == 0 && node.integer("allowzero", 0) == 0) {
            if (i >= shape.size()) return std::nullopt;
            result[i] = shape[i];
        }
        if (result[i] == -1 && open == nullptr) {
            open = &result[i];
        } else if (result[i] < 0) {
            return std::nullopt;
        } else {
            known.push_back(result[i]);
        }
    }
    const std::int64_t count = graph::count_of(shape);
    const std::int64_t product = graph::checked_count(known).value_or(0);
    if (open != nullptr && product > 0) *open = count / product;
    const bool fits = open == nullptr ? product == count : product > 0 && count % product == 0;
    return fits ? std::optional(result) : std::nullopt;
}

std::optional<Shape> flattened(const graph::Node& node, const Shape& shape) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    std::int64_t axis = node.integer("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank) return std::nullopt;
    const auto middle = shape.begin() + axis;
    return Shape{graph::count_of(Shape(shape.begin(), middle)), graph::count_of(Shape(middle, shape.end()))};
}

std::optional<Shape> squeezed(const Shape& shape, const Integers& axes) {
    const auto gone = normalised_axes(axes, shape.size());
    if (!gone) return std::nullopt;
    Shape result;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool named = std::ranges::find(*gone, static_cast<std::int64_t>(i)) != gone->end();
        if (named && shape[i] != 1) return std::nullopt;
        if (!named && (!axes.empty() || shape[i] != 1)) result.push_back(shape[i]);
    }
    return result;
}

std::optional<Shape> unsqueezed(const Shape& shape, const Integers& axes) {
    const std::size_t rank = shape.size() + axes.size();
    const auto added = normalised_axes(axes, rank);
    if (!added) return std::nullopt;
    Shape result;
    auto next = shape.begin();
    for (std::size_t i = 0; i < rank; ++i) {
        const bool named = std::ranges::find(*added, static_cast<std::int64_t>(i)) != added->end();
        result.push_back(named ? 1 : *next++);
    }
    return result;
}

std::optional<Integers> transposition(const graph::Node& node, std::size_t rank) {
    Integers order = node.integers("perm", {});
    if (order.empty()) {
        for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    }
    return order.size() == rank ? normalised_axes(std::move(order), rank) : std::nullopt;
}

}  // namespace millrace::infer::fused
