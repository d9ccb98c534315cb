#pragma once
// What is said of frames that are not as they should be.

#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/picture_desc.h"
#include "pipeline/job.h"

namespace millrace::pipeline {

/// The damaged frame at which a policy of `fail` stops.
[[nodiscard]] core::Error damaged_frame(const std::string& path, std::int64_t pts);

/// Whether a decoded picture is of the size and meaning that the stream began with.
[[nodiscard]] bool fits(const InputPlan& input, const core::PictureDesc& desc);

}  // namespace millrace::pipeline
