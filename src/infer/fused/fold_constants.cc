#include "infer/fused/fold_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "infer/fused/axes.h"
#include "infer/fused/fold_elements.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Integers;
using graph::Node;
using graph::Reals;
using graph::Shape;
using Result = std::optional<Constant>;

/// A node and what it reads.
struct Call {
    const Node& node;
    std::span<const Constant* const> inputs;

    /// nullptr: left out.
    [[nodiscard]] const Constant* input(std::size_t index) const {
        return index < inputs.size() ? inputs[index] : nullptr;
    }
    /// Of an input, or before it became one of an attribute; nullopt: neither is there, or it is no integers.
    [[nodiscard]] std::optional<Integers> integers(std::size_t index, const std::string& attribute) const {
        if (const Constant* given = input(index)) {
            return given->is_real() ? std::nullopt : std::optional(given->integers());
        }
        return node.has(attribute) ? std::optional(node.integers(attribute, {})) : std::nullopt;
    }
};

Result with_shape(const Constant& constant, std::optional<Shape> shape) {
    if (!shape || !is_possible(*shape) || graph::count_of(*shape) != graph::count_of(constant.shape)) {
        return std::nullopt;
    }
    return Constant{std::move(*shape), constant.values};
}

/// The next place of a shape, row by row.
void advance(Shape& at, const Shape& shape) {
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        if (++at[axis] < shape[axis]) return;
        at[axis] = 0;
    }
}

/// Values picked from a constant: `source` turns coordinates in the result, its first argument, into those in the
/// constant, its second.
template <class Source>
Result picked(const Constant& from, const Shape& shape, Source source) {
    if (!is_possible(shape)) return std::nullopt;
    const auto count = static_cast<std::size_t>(graph::count_of(shape));
    const auto pick = [&]<class T>(const std::vector<T>& values) {
        std::vector<T> result(count);
        Shape at(shape.size());
        Shape place(from.shape.size());
        for (T& one : result) {
            source(at, place);
            std::int64_t flat = 0;
            for (std::size_t axis = 0; axis < place.size(); ++axis) flat = flat * from.shape[axis] + place[axis];
            one = values[static_cast<std::size_t>(flat)];
            advance(at, shape);
        }
        return Constant{shape, std::move(result)};
    };
    return std::visit(pick, from.values);
}

Result constant(const Call& call) {
    for (const auto& [name, value] : call.node.attributes) {
        if (const auto* tensor = std::get_if<Constant>(&value)) return *tensor;
        if (const auto* one = std::get_if<std::int64_t>(&value)) return Constant{{}, Integers{*one}};
        if (const auto* one = std::get_if<float>(&value)) return Constant{{}, Reals{*one}};
        const auto all = [](const auto& values) {
            return Constant{{static_cast<std::int64_t>(values.size())}, values};
        };
        if (const auto* several = std::get_if<Integers>(&value)) return all(*several);
        if (const auto* several = std::get_if<Reals>(&value)) return all(*several);
    }
    return std::nullopt;
}

Result constant_of_shape(const Call& call) {
    const auto shape = call.integers(0, "");
    if (!shape || !is_possible(*shape)) return std::nullopt;
    const auto given = call.node.attributes.find("value");
    const auto* value = given == call.node.attributes.end() ? nullptr : std::get_if<Constant>(&given->second);
    if (value == nullptr) return Constant{*shape, Reals(static_cast<std::size_t>(graph::count_of(*shape)))};
    return graph::count_of(value->shape) == 1 ? Result(expanded({{}, value->values}, *shape)) : std::nullopt;
}

Result cast(const Call& call) {
    constexpr std::int64_t float32 = 1;
    constexpr std::int64_t boolean = 9;
    constexpr std::int64_t float16 = 10;
    constexpr std::int64_t float64 = 11;
    constexpr std::int64_t bfloat16 = 16;
    const Constant& from = *call.input(0);
    const std::int64_t to = call.node.integer("to", 0);
    const bool to_real = to == float32 || to == float16 || to == float64 || to == bfloat16;
    if (to_real == from.is_real()) return from;
    if (to_real) return Constant{from.shape, Reals(from.integers().begin(), from.integers().end())};
    Integers values;
    for (const float value : from.reals()) {
        constexpr float limit = 9.2e18F;
        if (!(std::abs(value) < limit)) return std::nullopt;
        values.push_back(to == boolean ? static_cast<std::int64_t>(value != 0) : static_cast<std::int64_t>(value));
    }
    return Constant{from.shape, std::move(values)};
}

Result shape_of(const Call& call) {
    Shape shape = call.input(0)->shape;
    const auto count = static_cast<std::int64_t>(shape.size());
    if (call.node.has("start") || call.node.has("end")) return std::nullopt;
    return Constant{{count}, std::move(shape)};
}

Result gather(const Call& call) {
    const Constant& data = *call.input(0);
    const Constant& indices = *call.input(1);
    const auto axes = normalised_axes({call.node.integer("axis", 0)}, data.shape.size());
    if (!axes || indices.is_real()) return std::nullopt;
    const std::int64_t axis = axes->front();
    const std::int64_t extent = data.shape[static_cast<std::size_t>(axis)];
    for (const std::int64_t index : indices.integers()) {
        if (index < -extent || index >= extent) return std::nullopt;
    }
    Shape shape = data.shape;
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, indices.shape.begin(), indices.shape.end());
    const auto rank = static_cast<std::ptrdiff_t>(indices.shape.size());
    Shape strides(indices.shape.size(), 1);
    for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * indices.shape[i];
    return picked(data, shape, [&](const Shape& at, Shape& place) {
        const auto before = at.begin() + axis;
        const std::int64_t flat = std::inner_product(before, before + rank, strides.begin(), std::int64_t{0});
        const std::int64_t index = indices.integers()[static_cast<std::size_t>(flat)];
        std::copy(at.begin(), before, place.begin());
        place[static_cast<std::size_t>(axis)] = index < 0 ? index + extent : index;
        std::copy(before + rank, at.end(), place.begin() + axis + 1);
    });
}

/// First element, distance and number of one axis of a Slice.
struct Cut {
    std::int64_t first = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
};

Cut cut_of(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t extent) {
    const auto placed = [extent](std::int64_t at, std::int64_t lowest, std::int64_t highest) {
        return std::clamp(at < 0 ? at + extent : at, lowest, highest);
    };
    if (step > 0) {
        const std::int64_t first = placed(start, 0, extent);
        const std::int64_t last = placed(end, 0, extent);
        return {first, step, last > first ? (last - first - 1) / step + 1 : 0};
    }
    const std::int64_t first = placed(start, -1, extent - 1);
    const std::int64_t last = placed(end, -1, extent - 1);
    return {first, step, first > last ? (first - last - 1) / -step + 1 : 0};
}

Result slice(const Call& call) {
    const Constant& data = *call.input(0);
    const auto starts = call.integers(1, "starts");
    const auto ends = call.integers(2, "ends");
    if (!starts || !ends || starts->size() != ends->size()) return std::nullopt;
    Integers all(starts->size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    const auto axes = normalised_axes(call.integers(3, "axes").value_or(all), data.shape.size());
    const Integers steps = call.integers(4, "").value_or(Integers(starts->size(), 1));
    if (!axes || axes->size() != starts->size() || steps.size() != starts->size()) return std::nullopt;
    std::vector<Cut> cuts;
    for (const std::int64_t extent : data.shape) cuts.push_back({0, 1, extent});
    for (std::size_t i = 0; i < axes->size(); ++i) {
        constexpr std::int64_t limit = 1 << 30;
        if (steps[i] == 0 || std::abs(steps[i]) > limit) return std::nullopt;
        const auto axis = static_cast<std::size_t>((*axes)[i]);
        cuts[axis] = cut_of((*starts)[i], (*ends)[i], steps[i], data.shape[axis]);
    }
    Shape shape;
    for (const Cut& cut : cuts) shape.push_back(cut.count);
    return picked(data, shape, [&cuts](const Shape& at, Shape& place) {
        for (std::size_t i = 0; i < at.size(); ++i) place[i] = cuts[i].first + at[i] * cuts[i].step;
    });
}

/// All of one type, and of one shape but for the axis.
Result concat(const Call& call) {
    const Constant& first = *call.input(0);
    const auto axes = normalised_axes({call.node.integer("axis", 0)}, first.shape.size());
    if (!axes) return std::nullopt;
    const auto axis = static_cast<std::size_t>(axes->front());
    Shape shape = first.shape;
    shape[axis] = 0;
    for (const Constant* input : call.inputs) {
        if (input == nullptr) return std::nullopt;
        Shape rest = input->shape;
        if (rest.size() != shape.size() || input->is_real() != first.is_real()) return std::nullopt;
        shape[axis] += rest[axis];
        rest[axis] = first.shape[axis];
        if (rest != first.shape) return std::nullopt;
    }
    const std::int64_t outer = graph::count_of(Shape(shape.begin(), shape.begin() + axes->front()));
    const auto join = [&]<class T>(const std::vector<T>&) {
        std::vector<T> values;
        for (std::int64_t i = 0; i < outer; ++i) {
            for (const Constant* input : call.inputs) {
                const auto& from = std::get<std::vector<T>>(input->values);
                const auto step = static_cast<std::int64_t>(from.size()) / outer;
                values.insert(values.end(), from.begin() + i * step, from.begin() + (i + 1) * step);
            }
        }
        return Constant{shape, std::move(values)};
    };
    return std::visit(join, first.values);
}

Result transpose(const Call& call) {
    const Constant& data = *call.input(0);
    const auto order = transposition(call.node, data.shape.size());
    if (!order) return std::nullopt;
    Shape shape;
    for (const std::int64_t axis : *order) shape.push_back(data.shape[static_cast<std::size_t>(axis)]);
    return picked(data, shape, [&order](const Shape& at, Shape& place) {
        for (std::size_t i = 0; i < at.size(); ++i) place[static_cast<std::size_t>((*order)[i])] = at[i];
    });
}

Result expand(const Call& call) {
    const auto wanted = call.integers(1, "");
    const auto shape = wanted ? broadcast(call.input(0)->shape, *wanted) : std::nullopt;
    return shape ? Result(expanded(*call.input(0), *shape)) : std::nullopt;
}

Result range(const Call& call) {
    const auto start = call.integers(0, "");
    const auto limit = call.integers(1, "");
    const auto delta = call.integers(2, "");
    if (!start || !limit || !delta || start->size() + limit->size() + delta->size() != 3) return std::nullopt;
    constexpr std::int64_t most_values = 1 << 24;
    if ((*delta)[0] == 0 || std::abs((*limit)[0]) > most_values || std::abs((*start)[0]) > most_values) {
        return std::nullopt;
    }
    Integers values;
    for (std::int64_t at = (*start)[0]; (*delta)[0] > 0 ? at < (*limit)[0] : at > (*limit)[0]; at += (*delta)[0]) {
        values.push_back(at);
    }
    return Constant{{static_cast<std::int64_t>(values.size())}, std::move(values)};
}

/// By name, with the number of inputs that must be there.
struct Fold {
    std::size_t needs = 1;
    Result (*run)(const Call& call) = nullptr;
};

const std::map<std::string, Fold> folds{
    {"Cast", {1, cast}},
    {"Concat", {1, concat}},
    {"Constant", {0, constant}},
    {"ConstantOfShape", {1, constant_of_shape}},
    {"Dropout", {1, [](const Call& call) { return Result(*call.input(0)); }}},
    {"Expand", {2, expand}},
    {"Flatten",
     {1, [](const Call& call) { return with_shape(*call.input(0), flattened(call.node, call.input(0)->shape)); }}},
    {"Gather", {2, gather}},
    {"Identity", {1, [](const Call& call) { return Result(*call.input(0)); }}},
    {"Range", {3, range}},
    {"Reshape",
     {1,
      [](const Call& call) {
          const auto wanted = call.integers(1, "shape");
          return wanted ? with_shape(*call.input(0), reshaped(call.node, call.input(0)->shape, *wanted)) : std::nullopt;
      }}},
    {"Shape", {1, shape_of}},
    {"Slice", {1, slice}},
    {"Squeeze",
     {1,
      [](const Call& call) {
          return with_shape(*call.input(0),
                            squeezed(call.input(0)->shape, call.integers(1, "axes").value_or(Integers())));
      }}},
    {"Transpose", {1, transpose}},
    {"Unsqueeze",
     {1,
      [](const Call& call) {
          const auto axes = call.integers(1, "axes");
          return axes ? with_shape(*call.input(0), unsqueezed(call.input(0)->shape, *axes)) : std::nullopt;
      }}},
    {"Where", {3, [](const Call& call) { return fold_where(*call.input(0), *call.input(1), *call.input(2)); }}},
};

}  // namespace

Result fold_constants(const Node& node, std::span<const Constant* const> inputs) {
    if (node.outputs.size() != 1) return std::nullopt;
    const bool all_there = std::ranges::none_of(inputs, [](const Constant* input) { return input == nullptr; });
    if (const auto found = folds.find(node.op); found != folds.end()) {
        const auto needed = std::min(found->second.needs, inputs.size());
        const bool there = std::ranges::none_of(inputs.first(needed), [](const Constant* one) { return !one; });
        if (!there || inputs.size() < found->second.needs) return std::nullopt;
        return found->second.run({node, inputs});
    }
    if (all_there && inputs.size() == 1) return fold_unary(node.op, *inputs[0]);
    if (all_there && inputs.size() == 2) return fold_binary(node.op, *inputs[0], *inputs[1]);
    return std::nullopt;
}

}  // namespace millrace::infer::fused
