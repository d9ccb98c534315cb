#include "infer/closeness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/half.h"

namespace millrace::infer {

namespace {

constexpr double least_decibels = 40;
constexpr double most_error = 0.01;

// Over all values of one kind of result.
struct Distance {
    double squares = 0;  // of differences
    double largest_error = 0;
    double largest = 0;
    std::size_t count = 0;

    void add(const std::vector<float>& expected, const std::vector<float>& found) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto want = static_cast<double>(expected[i]);
            const auto have = static_cast<double>(found[i]);
            ++count;
            if (expected[i] == found[i] || (std::isnan(want) && std::isnan(have))) continue;
            const double error = std::isfinite(want - have) ? std::abs(want - have) : 1e30;
            squares += error * error;
            largest_error = std::max(largest_error, error);
            if (std::isfinite(want)) largest = std::max(largest, std::abs(want));
        }
        for (const float value : expected) {
            if (std::isfinite(value)) largest = std::max(largest, static_cast<double>(std::abs(value)));
        }
    }
};

Verdict judge_picture(const ModelDescription& model, const Distance& distance, const std::string& against) {
    if (distance.squares == 0) return {true, fmt::format("equal to {}", against)};
    const double mean = distance.squares / static_cast<double>(distance.count);
    const auto peak = static_cast<double>(model.range);
    const double decibels = 10 * std::log10(peak * peak / mean);
    return {decibels >= least_decibels, fmt::format("{:.1f} dB of PSNR against {}", decibels, against)};
}

std::size_t top_of(const std::vector<float>& values) {
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

}  // namespace

std::vector<float> floats_of(const core::TensorDesc& desc, const std::byte* data, std::size_t count) {
    std::vector<float> values;
    if (desc.dtype == core::DType::float32) {
        values.resize(count);
        std::memcpy(values.data(), data, count * sizeof(float));
    }
    if (desc.dtype == core::DType::float16) {
        std::vector<std::uint16_t> halves(count);
        std::memcpy(halves.data(), data, count * sizeof(std::uint16_t));
        values.resize(count);
        std::ranges::transform(halves, values.begin(), core::float_of_half);
    }
    return values;
}

Verdict judge(const ModelDescription& model, std::span<const Results> expected, std::span<const Results> found,
              const std::string& against) {
    const auto result = static_cast<std::size_t>(model.result_output);
    const bool picture = model.output == OutputKind::picture;
    double worst = 0;
    Distance of_picture;
    for (std::size_t port = 0; port < model.outputs.size(); ++port) {
        Distance distance;
        for (std::size_t i = 0; i < expected.size(); ++i) distance.add(expected[i][port], found[i][port]);
        if (port == result) of_picture = distance;
        if (distance.largest_error > 0)
            worst = std::max(worst, distance.largest_error / std::max(distance.largest, 1e-30));
    }
    if (picture) return judge_picture(model, of_picture, against);
    std::string text = fmt::format("values off by at most {:.2g} % of the largest against {}", 100 * worst, against);
    const std::vector<std::int64_t>& shape = model.outputs.at(result).desc.shape;
    if (shape.size() == 2 && !expected.empty() && expected[0][result].size() > 1) {
        std::size_t same = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            same += top_of(expected[i][result]) == top_of(found[i][result]) ? 1U : 0U;
        }
        text += fmt::format(", the highest value the same on {} of {}", same, expected.size());
    }
    return {worst <= most_error, text};
}

}  // namespace millrace::infer
