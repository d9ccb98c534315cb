#include "ops/resample.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

namespace millrace::ops {

namespace {

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

// Keys 1981, a = -0.5.
double catmull_rom(double x) {
    const double t = std::abs(x);
    if (t < 1.0) return (1.5 * t - 2.5) * t * t + 1.0;
    if (t < 2.0) return ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0;
    return 0.0;
}

// Share of the interval [low, high] that sample k covers.
double overlap(double low, double high, int k) {
    return std::max(0.0, std::min<double>(high, k + 1) - std::max<double>(low, k)) / (high - low);
}

int reflect(int k, int input) {
    const int once = k < 0 ? -1 - k : k >= input ? 2 * input - 1 - k : k;
    return std::clamp(once, 0, input - 1);
}

using Row = std::map<int, double>;

Row weights_of(Filter filter, const AxisMap& map, int output) {
    const double position = (output + 0.5) * map.ratio + map.shift;
    const double widening = std::max(map.ratio, 1.0);
    const double half = filter == Filter::area ? map.ratio / 2 : (filter == Filter::bilinear ? 1.0 : 2.0) * widening;
    Row row;
    double total = 0.0;
    const int last = static_cast<int>(std::ceil(position + half));
    for (int k = static_cast<int>(std::floor(position - half)) - 1; k <= last; ++k) {
        const double distance = (k + 0.5 - position) / widening;
        const double weight = filter == Filter::area       ? overlap(position - half, position + half, k)
                              : filter == Filter::bilinear ? triangle(distance)
                                                           : catmull_rom(distance);
        if (std::abs(weight) < 1e-12) continue;
        row[reflect(k, map.input)] += weight;
        total += weight;
    }
    for (auto& [index, weight] : row) weight /= total;
    return row;
}

// First inputs never go back from one output to the next, so that rows can be read in one pass; a row whose outer
// weights are 0 would.
std::vector<int> first_inputs(const std::vector<Row>& rows) {
    std::vector<int> first(rows.size());
    int lowest = rows.back().begin()->first;
    for (std::size_t i = rows.size(); i-- > 0;) {
        lowest = std::min(lowest, rows[i].begin()->first);
        first[i] = lowest;
    }
    return first;
}

AxisWeights pack(const std::vector<Row>& rows, int input) {
    const std::vector<int> begin = first_inputs(rows);
    AxisWeights out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.taps = std::max(out.taps, rows[i].rbegin()->first - begin[i] + 1);
    }
    assert(out.taps >= 1 && out.taps <= input);
    out.stride = rows.size() + scratch_slack;
    out.first.assign(out.stride, 0);
    out.weights.assign(out.stride * static_cast<std::size_t>(out.taps), 0.0F);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const int first = std::min(begin[i], input - out.taps);
        out.first[i] = first;
        for (const auto& [index, weight] : rows[i]) {
            out.weights[static_cast<std::size_t>(index - first) * out.stride + i] = static_cast<float>(weight);
        }
    }
    return out;
}

}  // namespace

AxisWeights make_weights(Filter filter, const AxisMap& map) {
    assert(map.input > 0 && map.output > 0 && map.ratio > 0);
    std::vector<Row> rows;
    rows.reserve(static_cast<std::size_t>(map.output));
    for (int i = 0; i < map.output; ++i) rows.push_back(weights_of(filter, map, i));
    return pack(rows, map.input);
}

Placement place(int width, int height, const ResizeSpec& spec) {
    Placement p;
    p.x = {width, spec.width, static_cast<double>(width) / spec.width, 0};
    p.y = {height, spec.height, static_cast<double>(height) / spec.height, 0};
    switch (spec.fit) {
        case Fit::stretch:
        case Fit::pad:
            break;
        case Fit::letterbox: {
            const double shrink = std::max(p.x.ratio, p.y.ratio);
            p.x.output = std::clamp(static_cast<int>(std::lround(width / shrink)), 1, spec.width);
            p.y.output = std::clamp(static_cast<int>(std::lround(height / shrink)), 1, spec.height);
            p.x.ratio = static_cast<double>(width) / p.x.output;
            p.y.ratio = static_cast<double>(height) / p.y.output;
            p.left = (spec.width - p.x.output) / 2;
            p.top = (spec.height - p.y.output) / 2;
            break;
        }
        case Fit::crop: {
            const double shrink = std::min(p.x.ratio, p.y.ratio);
            p.x.ratio = p.y.ratio = shrink;
            p.x.shift = (width - spec.width * shrink) / 2;
            p.y.shift = (height - spec.height * shrink) / 2;
            break;
        }
    }
    return p;
}

}  // namespace millrace::ops
