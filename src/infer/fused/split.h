#pragma once
// Layers that are too long for one pass of our kernels, as several.

#include "infer/fused/draft.h"

namespace millrace::infer::fused {

/// Steps beyond most_steps become layers of steps behind theirs, values beyond most_inputs are put together in layers
/// before theirs. All have the name of the layer that they were.
void split_layers(Draft& draft);

}  // namespace millrace::infer::fused
