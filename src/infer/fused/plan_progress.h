#pragma once
// How far choosing a model's plans is.

#include <span>

#include "infer/engine_runtime.h"
#include "infer/fused/lower.h"

namespace millrace::infer::fused {

/// Whether a layer runs by a plan, which is chosen among several: convolutions but those of each channel by itself.
[[nodiscard]] bool needs_plan(const Net& net, const Layer& layer);

/// Counts layers of a model that have their plans. For one thread.
class PlanProgress {
  public:
    /// Tells, if `told` is not empty, 0 of as many layers as need plans.
    PlanProgress(std::span<const Part> parts, BuildProgress told);

    /// One layer more has its plan.
    void count();

  private:
    BuildProgress told_;
    int done_ = 0;
    int total_ = 0;
};

}  // namespace millrace::infer::fused
