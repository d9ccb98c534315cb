#include "infer/closeness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/half.h"

namespace millrace::infer {

namespace {

constexpr double least_decibels = 50;
constexpr double most_error = 0.01;
constexpr double least_same = 0.995;

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
    /// As a share of the largest value.
    [[nodiscard]] double relative() const { return largest_error > 0 ? largest_error / std::max(largest, 1e-30) : 0; }
};

Verdict judge_picture(const ModelDescription& model, const Distance& distance, const std::string& against) {
    if (distance.squares == 0) return {true, fmt::format("equal to {}", against), {}};
    const double mean = distance.squares / static_cast<double>(distance.count);
    const auto peak = static_cast<double>(model.range);
    const double decibels = 10 * std::log10(peak * peak / mean);
    return {decibels >= least_decibels,
            fmt::format("{:.1f} dB of PSNR against {}", decibels, against),
            {{"decibels", decibels}}};
}

// How many samples of two results have the same class on top, and of how many.
struct Agreement {
    std::size_t same = 0;
    std::size_t samples = 0;

    void add(std::span<const float> expected, std::span<const float> found, std::size_t classes) {
        for (std::size_t at = 0; at + classes <= expected.size(); at += classes) {
            const std::span want = expected.subspan(at, classes);
            const std::span have = found.subspan(at, classes);
            const auto top = std::ranges::max_element(want) - want.begin();
            const auto other = std::ranges::max_element(have) - have.begin();
            const auto value = static_cast<std::size_t>(top);
            const bool is_number = std::isfinite(want[value]) == std::isfinite(have[value]);
            ++samples;
            same += top == other && is_number ? 1U : 0U;
        }
    }
    [[nodiscard]] bool enough() const { return static_cast<double>(same) >= least_same * static_cast<double>(samples); }
};

Agreement compare_classes(const ModelDescription& model, std::span<const Results> expected,
                          std::span<const Results> found) {
    const auto port = static_cast<std::size_t>(model.result_output);
    const std::int64_t declared = model.outputs.at(port).desc.shape.back();
    Agreement agreement;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const std::vector<float>& values = expected[i][port];
        if (values.empty()) continue;  // they are not floats
        agreement.add(values, found[i][port], declared > 0 ? static_cast<std::size_t>(declared) : values.size());
    }
    return agreement;
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

bool is_classifier(const ModelDescription& model) {
    const std::vector<std::int64_t>& shape = model.outputs.at(static_cast<std::size_t>(model.result_output)).desc.shape;
    return model.output == OutputKind::data && shape.size() == 2 && shape.back() != 1;
}

Verdict judge(const ModelDescription& model, std::span<const Results> expected, std::span<const Results> found,
              const std::string& against) {
    const auto result = static_cast<std::size_t>(model.result_output);
    double worst = 0;
    double of_others = 0;  // than the result
    for (std::size_t port = 0; port < model.outputs.size(); ++port) {
        Distance distance;
        for (std::size_t i = 0; i < expected.size(); ++i) distance.add(expected[i][port], found[i][port]);
        if (port == result && model.output == OutputKind::picture) return judge_picture(model, distance, against);
        worst = std::max(worst, distance.relative());
        if (port != result) of_others = std::max(of_others, distance.relative());
    }
    Verdict verdict{worst <= most_error,
                    fmt::format("values off by at most {:.2g} % of the largest against {}", 100 * worst, against),
                    {{"error", worst}}};
    if (!is_classifier(model)) return verdict;
    const Agreement agreement = compare_classes(model, expected, found);
    if (agreement.samples == 0) return verdict;
    verdict.close = agreement.enough() && of_others <= most_error;
    verdict.text += fmt::format(", the highest value the same on {} of {}", agreement.same, agreement.samples);
    verdict.numbers["same"] = static_cast<double>(agreement.same);
    verdict.numbers["samples"] = static_cast<double>(agreement.samples);
    return verdict;
}

}  // namespace millrace::infer
