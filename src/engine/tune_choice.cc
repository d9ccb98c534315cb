#include "engine/tune_choice.h"

#include <algorithm>
#include <cassert>
#include <tuple>

namespace millrace::engine {

namespace {

bool costs_less(const TunePoint* a, const TunePoint* b) {
    const auto cost = [](const TunedSettings& s) {
        return std::make_tuple(s.tensorrt, !s.fp32, s.batch, s.threads, s.lanes);
    };
    return cost(a->settings) < cost(b->settings);
}

}  // namespace

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

const TunePoint& choose(const std::vector<TunePoint>& points) {
    std::vector<const TunePoint*> cheap_first;
    for (const TunePoint& point : points) cheap_first.push_back(&point);
    std::ranges::stable_sort(cheap_first, costs_less);
    std::vector<double> rates;
    for (const TunePoint* point : cheap_first) rates.push_back(point->fps());
    const auto fastest = static_cast<std::size_t>(std::ranges::max_element(rates) - rates.begin());
    const double tolerance = std::max(worthwhile, cheap_first[fastest]->spread() / 2);
    return *cheap_first[first_near_best(rates, tolerance)];
}

std::vector<int> thread_counts(int cores) {
    std::vector<int> counts;
    for (int threads = 1; threads < cores; threads *= 2) counts.push_back(threads);
    counts.push_back(cores);
    return counts;
}

}  // namespace millrace::engine
