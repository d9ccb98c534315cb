#pragma once
// Where frames and results pass between a job and its model as the model's layers have them.

#include <cstddef>
#include <memory>
#include <vector>

#include "infer/session.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// What all of a plan's sessions offer, where each frame is a batch's entry by itself, is R, G, B, and is not scaled,
/// and where packed results fit `result_memory` bytes.
[[nodiscard]] infer::Borders borders_for(const pipeline::ModelPlan& plan,
                                         const std::vector<std::unique_ptr<infer::Session>>& sessions,
                                         std::size_t result_memory);

}  // namespace millrace::engine
