// HDR metadata in the words of x264 and x265: libavcodec 5.1 does not pass it on.

#include <fmt/format.h>

#include "core/rational.h"
#include "media/ffmpeg/encoder_context.h"

namespace millrace::media::ffmpeg {

namespace {

constexpr core::Rational chromaticity_unit{1, 50000};
constexpr core::Rational luminance_unit{1, 10000};

/// A value that stands for `value` units of 1, in units of `unit`.
std::int64_t in_units(core::Rational value, core::Rational unit) { return core::rescale(1, value, unit); }

std::string point(const std::array<core::Rational, 2>& xy) {
    return fmt::format("({},{})", in_units(xy[0], chromaticity_unit), in_units(xy[1], chromaticity_unit));
}

}  // namespace

std::string hdr_params(const HdrMetadata& hdr, const std::string& codec) {
    const bool x265 = codec == "libx265";
    if (!x265 && codec != "libx264" && codec != "libx264rgb") return {};
    std::string out;
    if (hdr.mastering) {
        const MasteringDisplay& display = *hdr.mastering;
        out += fmt::format("{}=G{}B{}R{}WP{}L({},{})", x265 ? "master-display" : "mastering-display",
                           point(display.primaries[1]), point(display.primaries[2]), point(display.primaries[0]),
                           point(display.white_point), in_units(display.max_luminance, luminance_unit),
                           in_units(display.min_luminance, luminance_unit));
    }
    if (hdr.light) {
        if (!out.empty()) out += ':';
        out += fmt::format("{}={},{}", x265 ? "max-cll" : "cll", hdr.light->max_content, hdr.light->max_frame_average);
    }
    return out;
}

}  // namespace millrace::media::ffmpeg
