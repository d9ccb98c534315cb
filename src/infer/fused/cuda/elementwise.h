#pragma once
// Layers that are no convolutions, or of each channel by itself, and what follows convolutions that cuDNN does not
// fuse. Private to src/infer/fused/cuda.

#include <cstddef>
#include <vector>

#include "device/device.h"
#include "infer/fused/cuda/kernels.h"
#include "infer/fused/net.h"

namespace millrace::infer::fused::cuda {

/// Something that a Pointwise reads, in the memory of kernels.h.
struct Operand {
    const std::byte* data = nullptr;
    bool whole = false;     ///< a value of the output's size; else one pixel for all
    bool of_batch = false;  ///< one for each of the batch; constants are the same for all
};

/// A layer at its place. Borrowed.
struct ElementwiseSite {
    const Layer* layer = nullptr;
    std::vector<Pixels> inputs;
    Pixels output;
    std::vector<Operand> operands;       ///< of the pointwise that have one, in their order
    const std::byte* weights = nullptr;  ///< depthwise_weights(); null: of a convolution only what follows
};

/// Compute a layer whose root is no Convolution, or is_depthwise(); of others what follows, in place in its output.
/// Sums are in float32. Throws Error(failed).
void enqueue_elementwise(device::StreamRef stream, const ElementwiseSite& site);

}  // namespace millrace::infer::fused::cuda
