#include "infer/onnxruntime/session_options.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace millrace::infer::ort {
namespace {

/// Gives every named dimension of the picture input its extent, so that the runtime can plan for one shape. A name that
/// stands for two extents is left open.
void fix_dimensions(Ort::SessionOptions& options, const Port& input, const core::TensorDesc& desc) {
    std::map<std::string, std::optional<std::int64_t>> extents;
    for (std::size_t axis = 0; axis < input.axis_names.size(); ++axis) {
        const auto [entry, added] = extents.try_emplace(input.axis_names[axis], desc.shape[axis]);
        if (!added && entry->second != desc.shape[axis]) entry->second.reset();
    }
    for (const auto& [name, extent] : extents) {
        if (name.empty() || !extent) continue;
        Ort::ThrowOnError(Ort::GetApi().AddFreeDimensionOverrideByName(options, name.c_str(), *extent));
    }
}

}  // namespace

Ort::SessionOptions session_options(int threads) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(threads);
    options.SetInterOpNumThreads(1);
    options.SetExecutionMode(ORT_SEQUENTIAL);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    options.SetDeterministicCompute(true);
    // Waiting threads would take the cores from decoding and encoding.
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    return options;
}

Ort::SessionOptions session_options(const ModelDescription& model, const core::TensorDesc& picture, int threads) {
    Ort::SessionOptions options = session_options(threads);
    fix_dimensions(options, model.inputs[static_cast<std::size_t>(model.picture_input)], picture);
    return options;
}

}  // namespace millrace::infer::ort
