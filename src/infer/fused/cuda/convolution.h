#pragma once
// Convolutions with what follows them, as cuDNN's graphs. Private to src/infer/fused/cuda.

#include <memory>
#include <vector>

#include "infer/fused/cuda/convolution_plan.h"
#include "infer/fused/cuda/cudnn.h"
#include "infer/fused/plan_store.h"

namespace millrace::infer::fused::cuda {

/// Our own kernel where it is for the site, and up to `most` plans of cuDNN, those first that it thinks fastest; all
/// give the same result each time that they run. Compiling one may take a second. May be empty. `handle` outlives them.
[[nodiscard]] std::vector<std::unique_ptr<ConvolutionPlan>> make_plans(const cudnn::Handle& handle,
                                                                       const ConvolutionSite& site, int most);

/// The plan that was stored, for the same site, device and version. Throws Error(failed).
[[nodiscard]] std::unique_ptr<ConvolutionPlan> load_plan(const cudnn::Handle& handle, const ConvolutionSite& site,
                                                         const StoredPlan& stored);

}  // namespace millrace::infer::fused::cuda
