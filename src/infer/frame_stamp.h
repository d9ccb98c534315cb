#pragma once
// Which frame something is about.

#include <cstdint>

#include "core/rational.h"

namespace millrace::infer {

struct FrameStamp {
    std::int64_t frame = 0;           ///< counted from 0 in order of presentation
    std::int64_t pts = core::no_pts;  ///< in the stream's time base
    double seconds = 0;               ///< of the pts; 0 without one
    int segment = 0;
};

}  // namespace millrace::infer
