#include "infer/fused/cuda/elsewhere.h"

namespace millrace::infer::fused::cuda {

PlacedLayer with_values(PlacedLayer placed, const Layer& layer, const Elsewhere& elsewhere) {
    const auto move = [&](int value, auto& data) {
        if (const auto found = elsewhere.find(value); found != elsewhere.end()) data = found->second;
    };
    auto& elementwise = placed.elementwise;
    move(layer.inputs.front(), placed.memory.input);
    move(layer.output, placed.memory.output);
    if (elementwise) {
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) move(layer.inputs[i], elementwise->inputs[i].data);
        move(layer.output, elementwise->output.data);
    }
    std::size_t next = 0;
    for (const Pointwise& step : layer.pointwise) {
        if (!step.has_operand()) continue;
        // cuDNN has no operands of steps that follow in a pass of their own.
        if (next < placed.memory.operands.size()) move(step.value, placed.memory.operands[next]);
        if (elementwise) move(step.value, elementwise->operands.at(next).data);
        ++next;
    }
    return placed;
}

}  // namespace millrace::infer::fused::cuda
