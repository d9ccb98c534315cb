#include "infer/fused/plan_progress.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "infer/fused/depthwise.h"

namespace millrace::infer::fused {

bool needs_plan(const Net& net, const Layer& layer) {
    const auto* convolution = std::get_if<Convolution>(&layer.root);
    return convolution != nullptr &&
           !is_depthwise(*convolution, net.values[static_cast<std::size_t>(layer.inputs.front())].channels);
}

PlanProgress::PlanProgress(std::span<const Part> parts, BuildProgress told) : told_(std::move(told)) {
    for (const Part& part : parts) {
        const auto* net = std::get_if<Net>(&part.body);
        if (net == nullptr) continue;
        total_ += static_cast<int>(
            std::ranges::count_if(net->layers, [&](const Layer& layer) { return needs_plan(*net, layer); }));
    }
    if (told_) told_(done_, total_);
}

void PlanProgress::count() {
    ++done_;
    if (told_) told_(done_, total_);
}

}  // namespace millrace::infer::fused
