#pragma once
// Static HDR metadata.

#include <array>
#include <optional>

#include "core/rational.h"

namespace millrace::media {

/// SMPTE ST 2086: chromaticities of R, G, B and white as (x, y), luminance in cd/m2.
struct MasteringDisplay {
    std::array<std::array<core::Rational, 2>, 3> primaries;
    std::array<core::Rational, 2> white_point;
    core::Rational min_luminance;
    core::Rational max_luminance;
};

/// CTA-861.3, cd/m2.
struct ContentLight {
    unsigned max_content = 0;        ///< MaxCLL
    unsigned max_frame_average = 0;  ///< MaxFALL
};

struct HdrMetadata {
    std::optional<MasteringDisplay> mastering;
    std::optional<ContentLight> light;
};

}  // namespace millrace::media
