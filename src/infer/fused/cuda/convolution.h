#pragma once
// Convolutions with what follows them, as cuDNN's graphs. Private to src/infer/fused/cuda.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "infer/fused/cuda/convolution_plan.h"
#include "infer/fused/cuda/cudnn.h"

namespace millrace::infer::fused::cuda {

/// Our own kernel where it is for the site, and up to `most` plans of cuDNN, those first that it thinks fastest; all
/// give the same result each time that they run. Compiling one may take a second. May be empty. `handle` outlives them.
[[nodiscard]] std::vector<std::unique_ptr<ConvolutionPlan>> make_plans(const cudnn::Handle& handle,
                                                                       const ConvolutionSite& site, int most);

/// The plan that bytes() was called on, for the same site, device and version. Throws Error(failed).
[[nodiscard]] std::unique_ptr<ConvolutionPlan> load_plan(const cudnn::Handle& handle, const ConvolutionSite& site,
                                                         std::span<const std::uint8_t> bytes);

}  // namespace millrace::infer::fused::cuda
