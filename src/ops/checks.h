#pragma once
// What both directions check before work starts. Private to src/ops.

#include "core/picture_desc.h"
#include "ops/spec.h"

namespace millrace::ops {

/// Throws Error(bad_input) for a layout that no op reads or writes. Asserts that the colour has no gaps.
void check_picture(const core::PictureDesc& desc);
/// Throws Error(usage) for an element type that is not a float, or numbers that divide by zero.
void check_spec(const TensorSpec& spec);
/// Throws Error(bad_input) where `matrix` is not one that turns Y'CbCr into R'G'B'. `what` names the conversion.
void check_matrix(core::Matrix matrix, const char* what);

}  // namespace millrace::ops
