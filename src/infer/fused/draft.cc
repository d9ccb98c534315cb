#include "infer/fused/draft.h"

#include <algorithm>

namespace millrace::infer::fused {

int Draft::writer(int value) const {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].layer.output == value) return static_cast<int>(i);
    }
    return -1;
}

int Draft::readers(int value) const {
    std::ptrdiff_t count = 0;
    for (const DraftLayer& draft : layers) {
        count += std::ranges::count(draft.layer.inputs, value);
        count += std::ranges::count(draft.layer.pointwise, value, &Pointwise::value);
    }
    return static_cast<int>(count);
}

}  // namespace millrace::infer::fused
