#include "infer/fused/windows.h"

#include <algorithm>

namespace millrace::infer::fused {
namespace {

using graph::Integers;

/// Attributes up to here are believed; sizes stay within int with them.
constexpr std::int64_t most = 1 << 14;

std::optional<Step> step_of(const graph::Node& node, const std::string& attribute) {
    const Integers given = node.integers(attribute, {1, 1});
    const auto possible = [](std::int64_t one) { return one >= 1 && one <= most; };
    if (given.size() != 2 || !std::ranges::all_of(given, possible)) return std::nullopt;
    return Step{static_cast<int>(given[0]), static_cast<int>(given[1])};
}

/// How far a kernel reaches.
int reach(int kernel, int dilation) { return (kernel - 1) * dilation + 1; }

/// One axis: padding before and behind, and the result's extent.
struct Line {
    int before = 0;
    int behind = 0;
    int extent = 0;
};

Line same_line(int extent, int stride, int reach, bool upper) {
    Line line{.extent = (extent + stride - 1) / stride};
    const int padding = std::max(0, (line.extent - 1) * stride + reach - extent);
    line.before = upper ? padding / 2 : padding - padding / 2;
    line.behind = padding - line.before;
    return line;
}

Line slide(Line line, int extent, int stride, int reach, Rounding rounding) {
    const int room = extent + line.before + line.behind - reach;
    if (room < 0) return {};
    line.extent = room / stride + 1;
    // A last window that would begin behind the picture is none.
    if (rounding == Rounding::up && room % stride != 0 && line.extent * stride < extent + line.before) {
        line.behind += stride - room % stride;
        ++line.extent;
    }
    return line;
}

Line line_of(const Window& window, Line padding, int extent, const Step& axis, Rounding rounding) {
    // axis: stride and reach.
    if (window.auto_pad == "SAME_UPPER" || window.auto_pad == "SAME_LOWER") {
        return same_line(extent, axis.y, axis.x, window.auto_pad == "SAME_UPPER");
    }
    return slide(window.auto_pad == "VALID" ? Line() : padding, extent, axis.y, axis.x, rounding);
}

std::optional<Placed> placed(const Line& y, const Line& x) {
    constexpr int most_pixels = 1 << 16;
    if (std::min(y.extent, x.extent) < 1 || std::max(y.extent, x.extent) > most_pixels) return std::nullopt;
    return Placed{{y.before, x.before, y.behind, x.behind}, y.extent, x.extent};
}

}  // namespace

std::optional<Window> window_of(const graph::Node& node, const Step& kernel) {
    const auto stride = step_of(node, "strides");
    const auto dilation = step_of(node, "dilations");
    const Integers pads = node.integers("pads", {0, 0, 0, 0});
    const auto possible = [](std::int64_t one) { return one >= 0 && one <= most; };
    if (!stride || !dilation || pads.size() != 4 || !std::ranges::all_of(pads, possible)) return std::nullopt;
    if (std::min(kernel.y, kernel.x) < 1 || std::max(kernel.y, kernel.x) > most) return std::nullopt;
    const Integers declared = node.integers("kernel_shape", {kernel.y, kernel.x});
    if (declared != Integers{kernel.y, kernel.x}) return std::nullopt;
    const auto pad = [&](std::size_t index) { return static_cast<int>(pads[index]); };
    return Window{kernel, *stride, *dilation, {pad(0), pad(1), pad(2), pad(3)}, node.text("auto_pad", "NOTSET")};
}

std::optional<Placed> place(const Window& window, const Value& picture, Rounding rounding) {
    const auto& [kernel, stride, dilation, pads, auto_pad] = window;
    const Step vertical{stride.y, reach(kernel.y, dilation.y)};
    const Step horizontal{stride.x, reach(kernel.x, dilation.x)};
    return placed(line_of(window, {pads.top, pads.bottom}, picture.height, vertical, rounding),
                  line_of(window, {pads.left, pads.right}, picture.width, horizontal, rounding));
}

std::optional<Placed> place_transposed(const graph::Node& node, const Window& window, const Value& picture) {
    const Integers more = node.integers("output_padding", {0, 0});
    const Integers wanted = node.integers("output_shape", {});
    if (more.size() != 2 || (!wanted.empty() && wanted.size() < 2)) return std::nullopt;
    const bool same = window.auto_pad.starts_with("SAME_");
    const auto line = [&](Line padding, int extent, const Step& axis, std::size_t index) {
        const int full = axis.y * (extent - 1) + axis.x + static_cast<int>(more[index]);
        if (same || !wanted.empty()) {
            const std::int64_t target =
                wanted.empty() ? std::int64_t{extent} * axis.y : wanted[wanted.size() - 2 + index];
            if (target < 1 || target > most * most) return Line();
            const int total = full - static_cast<int>(target);
            padding.before = window.auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
            padding.behind = total - padding.before;
        } else if (window.auto_pad == "VALID") {
            padding = Line();
        }
        padding.extent = full - padding.before - padding.behind;
        padding.behind -= static_cast<int>(more[index]);
        return padding;
    };
    const auto& [kernel, stride, dilation, pads, auto_pad] = window;
    return placed(line({pads.top, pads.bottom}, picture.height, {stride.y, reach(kernel.y, dilation.y)}, 0),
                  line({pads.left, pads.right}, picture.width, {stride.x, reach(kernel.x, dilation.x)}, 1));
}

}  // namespace millrace::infer::fused
