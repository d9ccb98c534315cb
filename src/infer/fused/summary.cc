#include "infer/fused/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "infer/fused/trace.h"

namespace millrace::infer::fused {
namespace {

std::string counted(std::ptrdiff_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string first_reason(const Lowered& lowered) {
    const NodeFate* first = nullptr;
    int more = -1;
    for (const NodeFate& node : lowered.nodes) {
        if (node.reason.empty()) continue;
        ++more;
        // Nodes beside one that cannot be fused are no reason.
        const bool follows = first != nullptr && (first->reason == not_worth || first->reason == between);
        if (first == nullptr || (follows && node.reason != not_worth && node.reason != between)) first = &node;
    }
    if (first == nullptr) return "";
    const std::string text = fmt::format("{} '{}': {}", first->op, first->name, first->reason);
    return more > 0 ? fmt::format("{} ({} more)", text, more) : text;
}

std::string summary(const Lowered& lowered, std::span<const double> seconds) {
    constexpr double thousand = 1000;
    std::ptrdiff_t fused_parts = 0;
    double fused = 0;
    double all = 0;
    for (std::size_t i = 0; i < lowered.parts.size(); ++i) {
        all += seconds[i] * thousand;
        if (!lowered.parts[i].is_fused()) continue;
        ++fused_parts;
        fused += seconds[i] * thousand;
    }
    const auto left = std::ranges::count_if(lowered.nodes, [](const NodeFate& node) { return !node.reason.empty(); });
    const auto nodes = std::ssize(lowered.nodes);
    return fmt::format("fused layers: {} of {} in {}, {:.2f} of {:.2f} ms; {} in {} left to ONNX Runtime: {}",
                       nodes - left, counted(nodes, "node"), counted(fused_parts, "part"), fused, all,
                       counted(left, "node"), counted(std::ssize(lowered.parts) - fused_parts, "part"),
                       first_reason(lowered));
}

}  // namespace millrace::infer::fused
