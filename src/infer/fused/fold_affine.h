#pragma once
// Sums and products with constants, put together and into the weights of convolutions.

#include "infer/fused/draft.h"

namespace millrace::infer::fused {

/// Each run of sums and products with constants becomes a product and a sum, or less. At the beginning of a
/// convolution's steps the product goes into its weights.
void fold_into_layers(Draft& draft);

/// What a layer ends with goes into the weights of the convolution behind it, where that is the only reader: products
/// always, sums where the convolution has no padding, which they would have to reach.
void fold_into_next(Draft& draft);

}  // namespace millrace::infer::fused
