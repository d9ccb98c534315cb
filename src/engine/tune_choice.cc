#include "engine/tune_choice.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>

namespace millrace::engine {

double TunePoint::fps() const {
    assert(!rates.empty());
    std::vector<double> sorted = rates;
    std::ranges::sort(sorted);
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double TunePoint::spread() const {
    const auto [low, high] = std::ranges::minmax(rates);
    const double middle = fps();
    return middle > 0 ? (high - low) / middle : 0;
}

bool still_rises(std::span<const double> rates) {
    constexpr int most_flat = 2;
    double best = 0;
    int flat = 0;
    for (const double rate : rates) {
        flat = rate >= best * (1 + still_a_gain) ? 0 : flat + 1;
        best = std::max(best, rate);
    }
    return flat < most_flat;
}

std::size_t first_near_best(std::span<const double> rates, double tolerance) {
    assert(!rates.empty());
    const double enough = std::ranges::max(rates) * (1 - tolerance);
    const auto found = std::ranges::find_if(rates, [enough](double rate) { return rate >= enough; });
    return static_cast<std::size_t>(found - rates.begin());
}

bool costs_less(const TunedSettings& a, const TunedSettings& b) {
    const auto cost = [](const TunedSettings& s) {
        return std::make_tuple(s.tensorrt, !s.fp32, s.batch, s.threads, s.lanes);
    };
    return cost(a) < cost(b);
}

const TunePoint& choose(const std::vector<TunePoint>& points) {
    std::vector<const TunePoint*> cheap_first;
    for (const TunePoint& point : points) cheap_first.push_back(&point);
    std::ranges::stable_sort(cheap_first, costs_less, &TunePoint::settings);
    std::vector<double> rates;
    for (const TunePoint* point : cheap_first) rates.push_back(point->fps());
    const auto fastest = static_cast<std::size_t>(std::ranges::max_element(rates) - rates.begin());
    const double tolerance = std::max(worthwhile, cheap_first[fastest]->spread() / 2);
    return *cheap_first[first_near_best(rates, tolerance)];
}

double told_by(std::int64_t frames) {
    return std::max(worthwhile, 1.0 / static_cast<double>(std::max<std::int64_t>(1, frames)));
}

Veto veto_of(double slower, std::int64_t frames, const TunedSettings& found, const TunedSettings& initial) {
    if (slower <= worthwhile) return Veto::none;
    if (slower > told_by(frames)) return Veto::slower;
    return costs_less(initial, found) ? Veto::untold : Veto::none;
}

std::optional<FewFrames> few_of(std::span<const Figure> figures) {
    constexpr double margin = 1.25;  // rates vary
    constexpr double step = 10;      // seconds that the time is rounded up to
    constexpr double slowest = 1e-3;
    std::optional<FewFrames> few;
    for (const Figure& figure : figures) {
        if (figure.frames >= enough_frames) continue;
        if (!few) few = FewFrames{.frames = figure.frames};
        few->frames = std::min(few->frames, figure.frames);
        if (figure.whole_clip) {
            few->longer_clip = true;
            continue;
        }
        const double needed = margin * enough_frames / (share_of_a_point * std::max(figure.fps, slowest));
        few->seconds = std::max(few->seconds, step * std::ceil(needed / step));
    }
    return few;
}

std::vector<int> thread_counts(int cores) {
    std::vector<int> counts;
    for (int threads = 1; threads < cores; threads *= 2) counts.push_back(threads);
    counts.push_back(cores);
    return counts;
}

}  // namespace millrace::engine
