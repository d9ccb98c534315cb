#pragma once
// What a GPU can do at most.

#include "infer/fused/layer_table.h"

namespace millrace::infer::fused {

/// Per second. 0: unknown.
struct DevicePeak {
    double operations = 0;  ///< of float16 products on tensor cores, dense, summed in float32
    double bytes = 0;       ///< from and to its memory
};

/// Operations a clock and multiprocessor of an architecture's tensor cores, float16 products without sparsity; 0: it is
/// not known here. From NVIDIA's papers on each: their peak, divided by multiprocessors and boost clock.
[[nodiscard]] int tensor_operations_a_clock(int sm_major, int sm_minor);

/// The least time that a layer can take: for its operations or for its bytes, whichever is longer. 0 where neither is
/// known.
[[nodiscard]] double least_seconds(const LayerWork& work, const DevicePeak& peak);

}  // namespace millrace::infer::fused
