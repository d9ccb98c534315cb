#pragma once
// What a kernel of a fused net does to each value behind its root.

#include <cstddef>
#include <cstdint>

#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/cuda/groups.cuh"

namespace millrace::infer::fused::cuda {

/// The group that a thread computes.
struct Place {
    int n = 0;
    int y = 0;
    int x = 0;
    int group = 0;
    std::int64_t index = 0;  ///< of the group in the result, and in a value of its size
};

struct Steps {
    /// Where the operand's group lies that goes with a result's.
    enum class Reads : std::uint8_t { none, constants, pixel, whole };
    struct Item {
        Pointwise::Kind kind;
        Reads reads;
        float low;
        float high;
        const Group* operand;
    };
    Item items[most_steps];
    int count;
    int groups;  ///< of a pixel of the result
};

inline Steps steps_of(const ElementwiseSite& site) {
    Steps steps{};
    steps.groups = site.output.stride / channel_group;
    std::size_t next = 0;
    for (const Pointwise& step : site.layer->pointwise) {
        Steps::Item& item = steps.items[steps.count++];
        item = {step.kind, Steps::Reads::none, step.low, step.high, nullptr};
        if (!step.has_operand()) continue;
        const Operand& operand = site.operands.at(next++);
        item.operand = reinterpret_cast<const Group*>(operand.data);
        item.reads = !operand.of_batch ? Steps::Reads::constants
                     : operand.whole   ? Steps::Reads::whole
                                       : Steps::Reads::pixel;
    }
    return steps;
}

__device__ inline float sigmoid(float v) { return 1.0F / (1.0F + expf(-v)); }

template <class F>
__device__ void change(Values& values, F f) {
#pragma unroll
    for (float& v : values.at) v = f(v);
}

__device__ inline void apply(const Steps::Item& step, const Values& operand, Values& values) {
    switch (step.kind) {
        case Pointwise::Kind::add:
            values = values + operand;
            break;
        case Pointwise::Kind::multiply:
            values = both(values, operand, [](float v, float by) { return v * by; });
            break;
        case Pointwise::Kind::prelu:
            values = both(values, operand, [](float v, float slope) { return v < 0.0F ? v * slope : v; });
            break;
        case Pointwise::Kind::clip:
            change(values, [&](float v) { return fminf(fmaxf(v, step.low), step.high); });
            break;
        case Pointwise::Kind::sigmoid:
            change(values, [](float v) { return sigmoid(v); });
            break;
        case Pointwise::Kind::silu:
            change(values, [](float v) { return v * sigmoid(v); });
            break;
        case Pointwise::Kind::tanh:
            change(values, [](float v) { return tanhf(v); });
            break;
    }
}

__device__ inline void apply(const Steps& steps, const Place& at, Values& values) {
    for (int s = 0; s < steps.count; ++s) {
        const Steps::Item& step = steps.items[s];
        Values operand{};
        if (step.reads != Steps::Reads::none) {
            const std::int64_t group = step.reads == Steps::Reads::whole   ? at.index
                                       : step.reads == Steps::Reads::pixel ? at.n * steps.groups + at.group
                                                                           : at.group;
            operand = load(step.operand + group);
        }
        apply(step, operand, values);
    }
}

}  // namespace millrace::infer::fused::cuda
