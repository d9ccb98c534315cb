#include "engine/borders.h"

#include <algorithm>

#include "engine/gpu_memory.h"

namespace millrace::engine {
namespace {

bool is_simple(const infer::ModelDescription& model) {
    const bool rgb = model.color == infer::InputColor::rgb || model.color == infer::InputColor::bgr;
    return rgb && model.layout == infer::Layout::nchw && model.window.frames() == 1 && !model.window_axis &&
           !model.tile && !model.planes && model.states.empty();
}

}  // namespace

infer::Borders borders_for(const pipeline::ModelPlan& plan,
                           const std::vector<std::unique_ptr<infer::Session>>& sessions, std::size_t result_memory) {
    if (sessions.empty() || !is_simple(plan.model)) return {};
    infer::Borders borders = sessions.front()->report().borders;
    const auto is_same = [&](const auto& session) { return session->report().borders == borders; };
    if (!std::ranges::all_of(sessions, is_same)) return {};
    if (plan.model.input_size) borders.input.reset();
    const bool picture = plan.model.output == infer::OutputKind::picture && plan.model.outputs.size() == 1;
    if (!picture || (borders.output && results_in_flight * borders.output->desc.byte_count() > result_memory)) {
        borders.output.reset();
    }
    return borders;
}

}  // namespace millrace::engine
