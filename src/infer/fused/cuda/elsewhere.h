#pragma once
// Layers of a run for which values lie in the caller's memory. Private to src/infer/fused/cuda.

#include "infer/fused/cuda/net_runner.h"

namespace millrace::infer::fused::cuda {

/// The same layer with those addresses. `layer` is what `placed` was made of.
[[nodiscard]] PlacedLayer with_values(PlacedLayer placed, const Layer& layer, const Elsewhere& elsewhere);

}  // namespace millrace::infer::fused::cuda
