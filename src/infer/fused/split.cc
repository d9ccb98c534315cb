#include "infer/fused/split.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace millrace::infer::fused {
namespace {

/// What a concatenation joins first, so that as few values as possible are written twice.
DraftLayer take_first_inputs(Draft& draft, Layer& whole) {
    const std::size_t count = std::min(most_inputs, whole.inputs.size() - most_inputs + 1);
    const auto last = whole.inputs.begin() + static_cast<std::ptrdiff_t>(count);
    Value size = draft.value(whole.output);
    size.channels = 0;
    for (auto input = whole.inputs.begin(); input != last; ++input) size.channels += draft.value(*input).channels;
    const int joined = draft.add_value(size);
    auto& resizes = std::get<Concat>(whole.root).resizes;
    resizes.resize(whole.inputs.size());
    const auto last_resize = resizes.begin() + static_cast<std::ptrdiff_t>(count);
    DraftLayer first;
    first.layer = {whole.name, {whole.inputs.begin(), last}, joined, Concat{{resizes.begin(), last_resize}}, {}};
    whole.inputs.erase(whole.inputs.begin() + 1, last);
    resizes.erase(resizes.begin() + 1, last_resize);
    whole.inputs.front() = joined;
    resizes.front().reset();
    return first;
}

/// What a layer does after its first steps.
DraftLayer take_last_steps(Draft& draft, Layer& whole) {
    const auto rest = whole.pointwise.begin() + static_cast<std::ptrdiff_t>(most_steps);
    const int between = draft.add_value(draft.value(whole.output));
    DraftLayer last;
    last.layer = {whole.name, {between}, whole.output, Identity(), {}};
    std::move(rest, whole.pointwise.end(), std::back_inserter(last.layer.pointwise));
    whole.pointwise.erase(rest, whole.pointwise.end());
    whole.output = between;
    return last;
}

}  // namespace

void split_layers(Draft& draft) {
    for (std::size_t i = 0; i < draft.layers.size(); ++i) {
        const auto place = draft.layers.begin() + static_cast<std::ptrdiff_t>(i);
        if (place->layer.inputs.size() > most_inputs) {
            draft.layers.insert(place, take_first_inputs(draft, place->layer));
        } else if (place->layer.pointwise.size() > most_steps) {
            draft.layers.insert(place + 1, take_last_steps(draft, place->layer));
        }
    }
}

}  // namespace millrace::infer::fused
