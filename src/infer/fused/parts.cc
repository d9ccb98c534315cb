// Operators that take parts of a picture or put a frame around it.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "infer/fused/axes.h"
#include "infer/fused/operators.h"
#include "infer/fused/selection.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Integers;
using graph::Node;
using graph::Shape;

/// Integers of an input, or before it became one of an attribute; nullopt: not constant.
std::optional<Integers> integers(const Trace& trace, const Node& node, std::size_t index, const std::string& attribute,
                                 const Integers& missing) {
    if (node.input(index).empty()) return node.integers(attribute, missing);
    const Constant* constant = trace.constant(node.input(index));
    return constant == nullptr || constant->is_real() ? std::nullopt : std::optional(constant->integers());
}

/// From where to where of each axis.
struct Range {
    std::int64_t first = 0;
    std::int64_t last = 0;  ///< the one behind it
};

struct Ranges {
    Reason reason;
    std::vector<Range> axes;
};

Ranges ranges_of(const Trace& trace, const Node& node, const Shape& shape) {
    const auto starts = integers(trace, node, 1, "starts", {});
    const auto ends = integers(trace, node, 2, "ends", {});
    if (!starts || !ends) return {"a dynamic axis remains: Slice's limits are not constant", {}};
    Integers all(starts->size());
    std::iota(all.begin(), all.end(), 0);
    const auto named = integers(trace, node, 3, "axes", all);
    const auto axes = named ? normalised_axes(*named, shape.size()) : std::nullopt;
    const auto steps = integers(trace, node, 4, "steps", Integers(starts->size(), 1));
    if (!axes || !steps || axes->size() != starts->size() || ends->size() != starts->size() ||
        steps->size() != starts->size()) {
        return {fmt::format("Slice's limits do not fit {}", shown(shape)), {}};
    }
    if (std::ranges::any_of(*steps, [](std::int64_t step) { return step != 1; })) return {"Slice with a step", {}};
    Ranges ranges;
    for (const std::int64_t extent : shape) ranges.axes.push_back({0, extent});
    for (std::size_t i = 0; i < axes->size(); ++i) {
        Range& range = ranges.axes[static_cast<std::size_t>((*axes)[i])];
        const std::int64_t extent = range.last;
        const auto placed = [extent](std::int64_t at) {
            return std::clamp<std::int64_t>(at < 0 ? at + extent : at, 0, extent);
        };
        range = {placed((*starts)[i]), placed((*ends)[i])};
        if (range.last <= range.first) ranges.reason = "Slice that leaves nothing";
    }
    return ranges;
}

Reason too_many(const Node& node, const Operand& picture) {
    return fmt::format("{} of {} channels", node.op, picture.size.channels);
}

/// Channels `first` to `last` of a picture, as a value.
int channels_between(Trace& trace, const Operand& picture, const Range& range) {
    const auto& [channels, height, width] = picture.size;
    if (range.last - range.first == channels) return picture.value;
    std::vector<int> wanted(static_cast<std::size_t>(range.last - range.first));
    std::iota(wanted.begin(), wanted.end(), static_cast<int>(range.first));
    return trace.add({picture.value}, channels_of(channels, wanted), {static_cast<int>(wanted.size()), height, width});
}

int pixels_between(Trace& trace, int value, const Range& rows, const Range& columns) {
    const auto [channels, height, width] = trace.draft().value(value);
    const Pads pads{static_cast<int>(rows.first), static_cast<int>(columns.first), height - static_cast<int>(rows.last),
                    width - static_cast<int>(columns.last)};
    if (pads == Pads()) return value;
    const Value size{channels, height - pads.top - pads.bottom, width - pads.left - pads.right};
    const Pads fewer{-pads.top, -pads.left, -pads.bottom, -pads.right};
    return trace.add({value}, Border{Border::Kind::zeros, fewer}, size);
}

/// [batch, channels, height, width] of what Pad adds before and behind; nullopt with a reason.
struct Frame {
    Reason reason;
    Pads pads;
};

Frame frame_of(const Trace& trace, const Node& node, const Shape& shape) {
    const auto pads = integers(trace, node, 1, "pads", {});
    if (!pads) return {"a dynamic axis remains: Pad's sizes are not constant", {}};
    Integers all(shape.size());
    std::iota(all.begin(), all.end(), 0);
    const auto named = integers(trace, node, 3, "", all);
    const auto axes = named ? normalised_axes(*named, shape.size()) : std::nullopt;
    if (!axes || pads->size() != axes->size() * 2) return {fmt::format("Pad's sizes do not fit {}", shown(shape)), {}};
    Integers sides(8, 0);
    for (std::size_t i = 0; i < axes->size(); ++i) {
        sides[static_cast<std::size_t>((*axes)[i])] = (*pads)[i];
        sides[static_cast<std::size_t>((*axes)[i]) + 4] = (*pads)[i + axes->size()];
    }
    constexpr std::int64_t most = 1 << 14;
    const bool plane = sides[0] == 0 && sides[1] == 0 && sides[4] == 0 && sides[5] == 0;
    if (!plane || std::ranges::min(sides) < 0 || std::ranges::max(sides) > most) {
        return {"Pad other than around the picture", {}};
    }
    const auto side = [&](std::size_t index) { return static_cast<int>(sides[index]); };
    return {"", {side(2), side(3), side(6), side(7)}};
}

Reason root_of(const Trace& trace, const Node& node, const Value& picture, const Pads& pads, Root& root) {
    const std::string mode = node.text("mode", "constant");
    if (mode == "edge" || mode == "reflect") {
        const bool reflects = mode == "reflect";
        const bool beyond =
            std::max(pads.top, pads.bottom) >= picture.height || std::max(pads.left, pads.right) >= picture.width;
        if (reflects && beyond) return "Pad beyond the picture's mirror";
        root = Border{reflects ? Border::Kind::reflect : Border::Kind::edge, pads};
        return "";
    }
    if (mode != "constant") return fmt::format("Pad by '{}'", mode);
    const Constant* value = trace.constant(node.input(2));
    const bool other =
        !node.input(2).empty() && (value == nullptr || !value->is_real() || value->reals() != graph::Reals{0});
    if (other || node.real("value", 0) != 0) return "Pad by other than zero";
    root = Border{Border::Kind::zeros, pads};
    return "";
}

}  // namespace

Reason lower_slice(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const Ranges ranges = ranges_of(trace, node, picture.shape);
    if (!ranges.reason.empty()) return ranges.reason;
    Shape shape;
    for (const Range& range : ranges.axes) shape.push_back(range.last - range.first);
    if (shape[0] != picture.shape[0]) return "Slice of a batch";
    if (shape[1] != picture.shape[1] && picture.size.channels > most_channels_to_pick) return too_many(node, picture);
    if (shape == picture.shape) {
        trace.give_same(node.outputs.at(0), node.input(0));
        return "";
    }
    const auto range = [&](std::size_t axis) { return axis < ranges.axes.size() ? ranges.axes[axis] : Range{0, 1}; };
    const int channels = channels_between(trace, picture, range(1));
    trace.give(node.outputs.at(0), pixels_between(trace, channels, range(2), range(3)), shape);
    return "";
}

Reason lower_split(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const auto axes = normalised_axes({node.integer("axis", 0)}, picture.shape.size());
    if (axes != Integers{1}) return "Split other than by channels";
    if (picture.size.channels > most_channels_to_pick) return too_many(node, picture);
    const auto count = static_cast<std::int64_t>(node.outputs.size());
    const std::int64_t each = (picture.size.channels + count - 1) / count;
    Integers equal(node.outputs.size(), each);
    equal.back() = picture.size.channels - each * (count - 1);
    const auto sizes = integers(trace, node, 1, "split", equal);
    if (!sizes) return "a dynamic axis remains: Split's sizes are not constant";
    const auto possible = [&](std::int64_t one) { return one >= 1 && one <= picture.size.channels; };
    if (sizes->size() != node.outputs.size() || !std::ranges::all_of(*sizes, possible) ||
        std::accumulate(sizes->begin(), sizes->end(), std::int64_t{0}) != picture.size.channels) {
        return fmt::format("Split's sizes do not fit {}", shown(picture.shape));
    }
    Range range;
    for (std::size_t i = 0; i < sizes->size(); ++i) {
        range = {range.last, range.last + (*sizes)[i]};
        Shape shape = picture.shape;
        shape[1] = (*sizes)[i];
        trace.give(node.outputs[i], channels_between(trace, picture, range), std::move(shape));
    }
    return "";
}

Reason lower_pad(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    if (picture.shape.size() != 4) return fmt::format("Pad of {}", shown(picture.shape));
    const auto [reason, pads] = frame_of(trace, node, picture.shape);
    if (!reason.empty()) return reason;
    if (pads == Pads()) {
        trace.give_same(node.outputs.at(0), node.input(0));
        return "";
    }
    Root root;
    Reason against = root_of(trace, node, picture.size, pads, root);
    if (!against.empty()) return against;
    const auto& [channels, height, width] = picture.size;
    const Value size{channels, height + pads.top + pads.bottom, width + pads.left + pads.right};
    trace.give(node.outputs.at(0), trace.add({picture.value}, std::move(root), size),
               {picture.shape[0], channels, size.height, size.width});
    return "";
}

Reason lower_space_to_depth(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const auto& [channels, height, width] = picture.size;
    const std::int64_t block = node.integer("blocksize", 0);
    if (block < 1 || block > 8 || height % block != 0 || width % block != 0) {
        return fmt::format("SpaceToDepth by {} does not fit {}", block, shown(picture.shape));
    }
    const int by = static_cast<int>(block);
    if (channels > most_channels_to_pick / (by * by)) return too_many(node, picture);
    const Value size{channels * by * by, height / by, width / by};
    trace.give(node.outputs.at(0), trace.add({picture.value}, space_to_depth(channels, {by, false}), size),
               {picture.shape[0], size.channels, size.height, size.width});
    return "";
}

/// One pixel over a whole picture.
Reason lower_expand(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const Constant* wanted = trace.constant(node.input(1));
    if (wanted == nullptr || wanted->is_real()) return "a dynamic axis remains: Expand's shape is not constant";
    Shape shape = wanted->integers();
    shape.insert(shape.begin(), picture.shape.size() - std::min(shape.size(), picture.shape.size()), 1);
    if (shape.size() != picture.shape.size())
        return fmt::format("Expand of {} to {}", shown(picture.shape), shown(shape));
    for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = std::max(shape[i], picture.shape[i]);
    if (shape == picture.shape) {
        trace.give_same(node.outputs.at(0), node.input(0));
        return "";
    }
    const auto& [channels, height, width] = picture.size;
    constexpr std::int64_t most = 1 << 16;
    const bool pixel =
        shape.size() == 4 && shape[0] == picture.shape[0] && shape[1] == channels && height == 1 && width == 1;
    if (!pixel || std::max(shape[2], shape[3]) > most) {
        return fmt::format("Expand of {} to {}, which is not one pixel over a picture", shown(picture.shape),
                           shown(shape));
    }
    const Resize resize{Resize::Kind::nearest, Resize::Coordinates::asymmetric, Resize::Rounding::floor};
    const Value size{channels, static_cast<int>(shape[2]), static_cast<int>(shape[3])};
    trace.give(node.outputs.at(0), trace.add({picture.value}, resize, size), shape);
    return "";
}

}  // namespace millrace::infer::fused
