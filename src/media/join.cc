#include "media/join.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace millrace::media {

namespace {

struct Order {
    std::vector<std::int64_t> sorted;
    std::size_t reorder = 0;
};

Order presentation_order(std::span<const std::int64_t> pts) {
    Order out{.sorted{pts.begin(), pts.end()}};
    std::ranges::sort(out.sorted);
    assert(std::ranges::adjacent_find(out.sorted) == out.sorted.end() && "two packets share a pts");
    for (std::size_t i = 0; i < pts.size(); ++i) {
        const auto place = static_cast<std::size_t>(std::ranges::lower_bound(out.sorted, pts[i]) - out.sorted.begin());
        if (i > place) out.reorder = std::max(out.reorder, i - place);
    }
    return out;
}

}  // namespace

FrameTiming find_timing(std::span<const std::int64_t> pts, core::Rational time_base, core::Rational frame_rate) {
    if (frame_rate.num <= 0 || frame_rate.den <= 0) return FrameTiming::variable;
    const core::Rational frame{frame_rate.den, frame_rate.num};
    for (std::size_t i = 0; i < pts.size(); ++i) {
        const std::int64_t expected = pts[0] + core::rescale(static_cast<std::int64_t>(i), frame, time_base);
        if (pts[i] > expected + 1 || pts[i] < expected - 1) return FrameTiming::variable;
    }
    return FrameTiming::constant;
}

std::vector<std::int64_t> make_dts(std::span<const std::int64_t> pts) {
    const Order order = presentation_order(pts);
    const std::size_t delay = order.reorder;  // 0 where there are fewer than two packets
    std::vector<std::int64_t> dts(pts.size());
    for (std::size_t i = 0; i < pts.size(); ++i) {
        if (i >= delay) {
            dts[i] = order.sorted[i - delay];
        } else {
            const std::int64_t first_distance = order.sorted[1] - order.sorted[0];
            dts[i] = order.sorted[0] - static_cast<std::int64_t>(delay - i) * first_distance;
        }
    }
    return dts;
}

int largest_reorder(std::span<const std::int64_t> pts) { return static_cast<int>(presentation_order(pts).reorder); }

}  // namespace millrace::media
