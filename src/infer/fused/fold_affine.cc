#include "infer/fused/fold_affine.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace millrace::infer::fused {
namespace {

using Kind = Pointwise::Kind;
using Steps = std::vector<Pointwise>;

/// factor * v + offset, one of each for every channel.
struct Affine {
    std::vector<double> factor;
    std::vector<double> offset;

    explicit Affine(int channels)
        : factor(static_cast<std::size_t>(channels), 1), offset(static_cast<std::size_t>(channels), 0) {}

    void follow(const Pointwise& step) {
        for (std::size_t c = 0; c < factor.size(); ++c) {
            const double constant = step.constants[step.constants.size() == 1 ? 0 : c];
            if (step.kind == Kind::multiply) factor[c] *= constant;
            (step.kind == Kind::multiply ? offset[c] *= constant : offset[c] += constant);
        }
    }
    [[nodiscard]] bool multiplies() const {
        return std::ranges::any_of(factor, [](double one) { return one != 1; });
    }
    [[nodiscard]] bool adds() const {
        return std::ranges::any_of(offset, [](double one) { return one != 0; });
    }
};

bool is_affine(const Pointwise& step) {
    return is_alone(step) && (step.kind == Kind::add || step.kind == Kind::multiply);
}

/// One where all are the same.
std::vector<float> constants_of(const std::vector<double>& values) {
    std::vector<float> constants(values.begin(), values.end());
    const auto same = [&](float one) { return one == constants[0]; };
    if (std::ranges::all_of(constants, same)) constants.resize(1);
    return constants;
}

void append(Steps& steps, const Affine& affine) {
    if (affine.multiplies()) steps.push_back({.kind = Kind::multiply, .constants = constants_of(affine.factor)});
    if (affine.adds()) steps.push_back({.kind = Kind::add, .constants = constants_of(affine.offset)});
}

Steps simplified(const Steps& steps, int channels) {
    Steps result;
    for (auto step = steps.begin(); step != steps.end();) {
        if (!is_affine(*step)) {
            result.push_back(*step++);
            continue;
        }
        Affine affine(channels);
        for (; step != steps.end() && is_affine(*step); ++step) affine.follow(*step);
        append(result, affine);
    }
    return result;
}

/// Where a convolution's weight belongs.
struct Place {
    std::size_t in = 0;
    std::size_t out = 0;
};

/// Calls `use` with each weight and its channels.
template <class Use>
void for_each_weight(Convolution& conv, Use use) {
    const auto groups = static_cast<std::size_t>(conv.groups);
    const auto taps = static_cast<std::size_t>(conv.kernel.y) * static_cast<std::size_t>(conv.kernel.x);
    const std::size_t outs = static_cast<std::size_t>(conv.out_channels) / groups;  // of one group
    const std::size_t ins = conv.weights.size() / (taps * outs * groups);
    for (std::size_t i = 0; i < conv.weights.size(); ++i) {
        const std::size_t row = i / taps / (conv.transposed ? outs : ins);
        const std::size_t column = i / taps % (conv.transposed ? outs : ins);
        if (conv.transposed) {
            use(conv.weights[i], Place{row, row / ins * outs + column});
        } else {
            use(conv.weights[i], Place{row / outs * ins + column, row});
        }
    }
}

void scale_outputs(Convolution& conv, const std::vector<double>& factor) {
    for_each_weight(conv,
                    [&](float& weight, const Place& at) { weight = static_cast<float>(weight * factor[at.out]); });
}

/// The product at the beginning of a convolution's steps.
void take_leading_product(Layer& layer) {
    auto* conv = std::get_if<Convolution>(&layer.root);
    if (conv == nullptr || layer.pointwise.empty()) return;
    if (!is_affine(layer.pointwise[0]) || layer.pointwise[0].kind != Kind::multiply) return;
    Affine affine(conv->out_channels);
    affine.follow(layer.pointwise[0]);
    scale_outputs(*conv, affine.factor);
    layer.pointwise.erase(layer.pointwise.begin());
}

/// Takes the sums and products that a layer ends with; only the last products with `products_only`.
Affine take_trailing(Steps& steps, int channels, bool products_only) {
    const auto taken = [&](const Pointwise& step) {
        return is_affine(step) && (!products_only || step.kind == Kind::multiply);
    };
    auto first = steps.end();
    while (first != steps.begin() && taken(*std::prev(first))) --first;
    Affine affine(channels);
    for (auto step = first; step != steps.end(); ++step) affine.follow(*step);
    steps.erase(first, steps.end());
    return affine;
}

/// Makes a convolution compute of v what it computed of factor * v + offset.
void compose(Layer& layer, const Affine& before) {
    if (!before.multiplies() && !before.adds()) return;
    auto& conv = std::get<Convolution>(layer.root);
    std::vector<double> sums(static_cast<std::size_t>(conv.out_channels), 0);
    for_each_weight(conv, [&](float& weight, const Place& at) {
        sums[at.out] += weight * before.offset[at.in];
        weight = static_cast<float>(weight * before.factor[at.in]);
    });
    if (!before.adds()) return;
    layer.pointwise.insert(layer.pointwise.begin(), {.kind = Kind::add, .constants = constants_of(sums)});
    layer.pointwise = simplified(layer.pointwise, conv.out_channels);
}

}  // namespace

void fold_into_layers(Draft& draft) {
    for (DraftLayer& each : draft.layers) {
        Layer& layer = each.layer;
        layer.pointwise = simplified(layer.pointwise, draft.value(layer.output).channels);
        take_leading_product(layer);
    }
}

void fold_into_next(Draft& draft) {
    for (DraftLayer& each : draft.layers) {
        auto* conv = std::get_if<Convolution>(&each.layer.root);
        if (conv == nullptr || !draft.is_private(each.layer.inputs[0])) continue;
        const int writer = draft.writer(each.layer.inputs[0]);
        if (writer < 0) continue;
        DraftLayer& previous = draft.layers[static_cast<std::size_t>(writer)];
        const bool products_only = conv->transposed || conv->pads != Pads();
        const int channels = draft.value(previous.layer.output).channels;
        compose(each.layer, take_trailing(previous.layer.pointwise, channels, products_only));
    }
}

}  // namespace millrace::infer::fused
