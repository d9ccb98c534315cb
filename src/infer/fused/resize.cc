// Resize, and Upsample that was before it.

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>

#include "infer/fused/axes.h"
#include "infer/fused/operators.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Integers;
using graph::Node;
using graph::Reals;
using graph::Shape;

constexpr std::int64_t most_pixels = 1 << 16;

/// The shape that is asked for, or why not.
struct Target {
    Reason reason;
    Shape shape;
};

Target of_factors(const Node& node, const Shape& shape, const Reals& factors, const Integers& axes) {
    Target target{"", shape};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        std::int64_t& extent = target.shape[static_cast<std::size_t>(axes[i])];
        const float exact = factors[i] * static_cast<float>(extent);
        constexpr float most = most_pixels;
        if (std::isnan(exact) || exact < 1 || exact >= most) return {fmt::format("{} by {}", node.op, factors[i]), {}};
        const float whole = std::floor(exact);
        constexpr float tolerance = 1e-4F;
        if (exact - whole > tolerance * exact) {
            return {fmt::format("{} of {} pixels by {}, which is no whole number", node.op, extent, factors[i]), {}};
        }
        extent = static_cast<std::int64_t>(whole);
    }
    return target;
}

Target of_sizes(const Node& node, const Shape& shape, const Integers& sizes, const Integers& axes) {
    Target target{"", shape};
    if (node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
        return {"Resize that keeps the aspect ratio", {}};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (sizes[i] < 1 || sizes[i] > most_pixels) return {fmt::format("{} to {} pixels", node.op, sizes[i]), {}};
        target.shape[static_cast<std::size_t>(axes[i])] = sizes[i];
    }
    return target;
}

bool is_there(const Trace& trace, const std::string& name) {
    const Constant* constant = trace.constant(name);
    return !name.empty() && (constant == nullptr || graph::count_of(constant->shape) > 0);
}

/// `factors` and `sizes` are names of inputs; one of them is there.
Target target_of(const Trace& trace, const Node& node, const Shape& shape,
                 const std::pair<std::string, std::string>& by) {
    const auto& [factors, sizes] = by;
    const bool by_sizes = is_there(trace, sizes);
    const Constant* given = trace.constant(by_sizes ? sizes : factors);
    if (given == nullptr) return {fmt::format("a dynamic axis remains: {}'s size is not constant", node.op), {}};
    const auto axes = normalised_axes(node.integers("axes", {0, 1, 2, 3}), 4);
    if (!axes || graph::count_of(given->shape) != std::ssize(*axes) || given->is_real() == by_sizes) {
        return {fmt::format("{}'s size does not fit {}", node.op, shown(shape)), {}};
    }
    return by_sizes ? of_sizes(node, shape, given->integers(), *axes) : of_factors(node, shape, given->reals(), *axes);
}

using Coordinates = Resize::Coordinates;

Reason set_kind(const std::string& mode, Resize& resize) {
    if (mode != "nearest" && mode != "linear") return fmt::format("Resize {}", mode);
    resize.kind = mode == "nearest" ? Resize::Kind::nearest : Resize::Kind::bilinear;
    return "";
}

Reason set_coordinates(const std::string& mode, const Shape& target, Resize& resize) {
    static const std::map<std::string, Coordinates> known{{"half_pixel", Coordinates::half_pixel},
                                                          {"half_pixel_symmetric", Coordinates::half_pixel},
                                                          {"pytorch_half_pixel", Coordinates::half_pixel},
                                                          {"asymmetric", Coordinates::asymmetric},
                                                          {"align_corners", Coordinates::corners}};
    const auto found = known.find(mode);
    if (found == known.end()) return fmt::format("Resize with coordinates '{}'", mode);
    if (mode == "pytorch_half_pixel" && (target[2] == 1 || target[3] == 1)) {
        return "Resize to one pixel with coordinates 'pytorch_half_pixel'";
    }
    resize.coordinates = found->second;
    return "";
}

Reason set_rounding(const std::string& mode, Resize& resize) {
    static const std::map<std::string, Resize::Rounding> known{{"round_prefer_floor", Resize::Rounding::half_down},
                                                               {"round_prefer_ceil", Resize::Rounding::half_up},
                                                               {"floor", Resize::Rounding::floor},
                                                               {"ceil", Resize::Rounding::ceil}};
    const auto found = known.find(mode);
    if (found == known.end()) return fmt::format("Resize with rounding '{}'", mode);
    resize.rounding = found->second;
    return "";
}

Reason give_resize(Trace& trace, const Node& node, const Operand& picture, const Resize& resize, const Target& target) {
    if (!target.reason.empty()) return target.reason;
    const Shape& to = target.shape;
    if (to[0] != picture.shape[0] || to[1] != picture.shape[1]) {
        return fmt::format("{} of {} to {}, which changes more than the size", node.op, shown(picture.shape),
                           shown(to));
    }
    if (to == picture.shape) {
        trace.give_same(node.outputs.at(0), node.input(0));
        return "";
    }
    const Value output{picture.size.channels, static_cast<int>(to[2]), static_cast<int>(to[3])};
    trace.give(node.outputs.at(0), trace.add({picture.value}, resize, output), to);
    return "";
}

}  // namespace

Reason lower_resize(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    if (picture.shape.size() != 4) return fmt::format("Resize of {}", shown(picture.shape));
    constexpr int first_with_coordinates = 11;
    const bool is_old = trace.operator_set() < first_with_coordinates;
    const Target target =
        target_of(trace, node, picture.shape,
                  is_old ? std::pair(node.input(1), std::string()) : std::pair(node.input(2), node.input(3)));
    if (!target.reason.empty()) return target.reason;
    if (node.integer("antialias", 0) != 0) return "Resize with antialias";
    Resize resize;
    Reason reason = set_kind(node.text("mode", "nearest"), resize);
    if (reason.empty()) {
        const std::string coordinates =
            node.text("coordinate_transformation_mode", is_old ? "asymmetric" : "half_pixel");
        reason = set_coordinates(coordinates, target.shape, resize);
    }
    if (reason.empty()) {
        reason = set_rounding(node.text("nearest_mode", is_old ? "floor" : "round_prefer_floor"), resize);
    }
    if (!reason.empty()) return reason;
    return give_resize(trace, node, picture, resize, target);
}

Reason lower_upsample(Trace& trace, const Node& node) {
    const Operand picture = trace.picture(node.input(0));
    if (!picture.reason.empty()) return picture.reason;
    const auto found = node.attributes.find("scales");
    const auto* factors = found == node.attributes.end() ? nullptr : std::get_if<Reals>(&found->second);
    if (picture.shape.size() != 4 || (factors != nullptr && factors->size() != 4)) {
        return fmt::format("Upsample of {}", shown(picture.shape));
    }
    const Target target = factors != nullptr ? of_factors(node, picture.shape, *factors, {0, 1, 2, 3})
                                             : target_of(trace, node, picture.shape, {node.input(1), ""});
    Resize resize{.coordinates = Coordinates::asymmetric, .rounding = Resize::Rounding::floor};
    Reason reason = set_kind(node.text("mode", "nearest"), resize);
    return reason.empty() ? give_resize(trace, node, picture, resize, target) : reason;
}

}  // namespace millrace::infer::fused
