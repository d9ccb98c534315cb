#include "media/join.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace millrace::media {

FrameTiming find_timing(std::span<const std::int64_t> pts, core::Rational time_base, core::Rational frame_rate) {
    if (frame_rate.num <= 0 || frame_rate.den <= 0) return FrameTiming::variable;
    const core::Rational frame{frame_rate.den, frame_rate.num};
    for (std::size_t i = 0; i < pts.size(); ++i) {
        const std::int64_t expected = pts[0] + core::rescale(static_cast<std::int64_t>(i), frame, time_base);
        if (pts[i] > expected + 1 || pts[i] < expected - 1) return FrameTiming::variable;
    }
    return FrameTiming::constant;
}

std::vector<std::int64_t> make_dts(std::span<const std::int64_t> sorted, int reorder, std::size_t first) {
    const auto delay = static_cast<std::size_t>(reorder);
    std::vector<std::int64_t> dts;
    for (std::size_t i = first; i < sorted.size(); ++i) {
        if (i >= delay) {
            dts.push_back(sorted[i - delay]);
        } else {
            const std::int64_t first_distance = sorted[1] - sorted[0];
            dts.push_back(sorted[0] - static_cast<std::int64_t>(delay - i) * first_distance);
        }
    }
    return dts;
}

int largest_reorder(std::span<const std::int64_t> pts) {
    std::vector<std::int64_t> sorted{pts.begin(), pts.end()};
    std::ranges::sort(sorted);
    assert(std::ranges::adjacent_find(sorted) == sorted.end() && "two packets share a pts");
    std::ptrdiff_t largest = 0;
    for (std::ptrdiff_t i = 0; i < std::ssize(pts); ++i) {
        const auto place = std::ranges::lower_bound(sorted, pts[static_cast<std::size_t>(i)]) - sorted.begin();
        largest = std::max(largest, i - place);
    }
    return static_cast<int>(largest);
}

}  // namespace millrace::media
