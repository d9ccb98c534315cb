#include "infer/fused/layer_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "core/error.h"
#include "infer/graph/model_file.h"
#include "infer/onnxruntime/session_shapes.h"
#include "infer/onnxruntime/type_inference.h"

namespace millrace::infer::fused {
namespace {

constexpr double half_bytes = 2;

double elements(const Value& value) { return static_cast<double>(value.channels) * value.height * value.width; }

/// A transposed convolution spreads each of its input's values over a window, any other gathers one for each of its
/// output's.
double products(const Convolution& convolution, const Value& input, const Value& output) {
    const double window = static_cast<double>(convolution.kernel.y) * convolution.kernel.x;
    const double groups = convolution.groups;
    if (convolution.transposed) return elements(input) * (convolution.out_channels / groups) * window;
    return elements(output) * (input.channels / groups) * window;
}

}  // namespace

LayerWork work_of(const Net& net, const Layer& layer) {
    const auto value = [&](int index) -> const Value& { return net.values.at(static_cast<std::size_t>(index)); };
    LayerWork work;
    double of_a_frame = elements(value(layer.output));
    for (const int input : layer.inputs) of_a_frame += elements(value(input));
    double once = 0;
    for (const Pointwise& step : layer.pointwise) {
        once += static_cast<double>(step.constants.size());
        if (step.value >= 0) of_a_frame += elements(value(step.value));
    }
    if (const auto* convolution = std::get_if<Convolution>(&layer.root)) {
        once += static_cast<double>(convolution->weights.size());
        work.operations = 2.0 * net.batch * products(*convolution, value(layer.inputs.front()), value(layer.output));
    }
    work.bytes = half_bytes * (net.batch * of_a_frame + once);
    return work;
}

LayerTable layer_table(const Lowered& lowered) {
    LayerTable table;
    const auto row_of = [&](const std::string& layer) -> LayerRow& {
        const auto found = std::ranges::find_if(
            table.rows, [&](const LayerRow& row) { return row.reason.empty() && row.name == layer; });
        return found != table.rows.end() ? *found : table.rows.emplace_back(LayerRow{layer, {}, {}, {}});
    };
    for (const NodeFate& node : lowered.nodes) {
        if (!node.reason.empty()) {
            table.rows.push_back({node.name, {node.op}, node.reason, {}});
        } else if (node.layer.empty()) {
            ++table.folded[node.op];
        } else {
            row_of(node.layer).operators.push_back(node.op);
        }
    }
    for (const Part& part : lowered.parts) {
        const Net* net = std::get_if<Net>(&part.body);
        if (net == nullptr) continue;
        for (const Layer& layer : net->layers) {
            LayerRow& row = row_of(layer.name);
            const LayerWork work = work_of(*net, layer);
            row.work.operations += work.operations;
            row.work.bytes += work.bytes;
        }
    }
    return table;
}

Lowered lower_model(const ModelDescription& model, Size input, const std::string& runtime_library) {
    const auto cannot = [&](const char* why) {
        return core::Error(core::ErrorCode::failed,
                           fmt::format("model {} does not run as fused layers: {}", model.path, why));
    };
    if (model.inputs.size() != 1) throw cannot("it has several inputs");
    const auto infer = [&](const std::string& part) { return ort::infer_types(runtime_library, part); };
    return lower(graph::read_model_file(model.path), model.path,
                 {{model.inputs.front().name, ort::check_picture_input(model, input).shape}}, infer);
}

}  // namespace millrace::infer::fused
