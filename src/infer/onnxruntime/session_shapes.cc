#include "infer/onnxruntime/session_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/error.h"
#include "infer/onnxruntime/model_file.h"
#include "infer/shapes.h"

namespace millrace::infer::ort {
namespace {

using core::Error;
using core::ErrorCode;
using core::TensorDesc;

Error bad(const ModelDescription& model, const std::string& text) {
    return Error(ErrorCode::bad_input, fmt::format("model {}: {}", model.path, text));
}

bool is_open(const TensorDesc& desc) {
    return std::ranges::any_of(desc.shape, [](std::int64_t extent) { return extent < 0; });
}

/// What the picture's dimensions did not settle by name is settled by place: batch first, a picture's height and width.
std::vector<TensorDesc> find_inputs(const ModelDescription& model, Size input, const std::vector<Port>& ports) {
    std::vector<TensorDesc> inputs;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        TensorDesc desc = ports[i].desc;
        if (i == static_cast<std::size_t>(model.picture_input)) {
            desc = picture_input_desc(model, input);
        } else if (is_open(desc)) {
            if (desc.shape.front() < 0) desc.shape.front() = model.batch;
            if (desc.shape.size() == 4) {
                const Axes axes = picture_axes(model.layout, 4);
                auto& width = desc.shape[static_cast<std::size_t>(axes.width)];
                auto& height = desc.shape[static_cast<std::size_t>(axes.height)];
                if (width < 0) width = input.width;
                if (height < 0) height = input.height;
            }
        }
        if (is_open(desc)) {
            throw bad(model,
                      fmt::format("the shape of input '{}' does not follow from the picture's: {}; export the model "
                                  "with fixed extents there, or named as the picture's are",
                                  ports[i].name, core::to_string(desc)));
        }
        inputs.push_back(std::move(desc));
    }
    return inputs;
}

/// Zeros go in from host memory, results come back there, on whatever device the session runs.
void find_outputs(Ort::Session& session, const ModelDescription& model, SessionShapes& shapes) {
    if (std::ranges::none_of(shapes.outputs, is_open)) return;
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
    const std::vector<const char*> input_names = names_of(model.inputs);
    const std::vector<const char*> output_names = names_of(model.outputs);
    std::vector<std::vector<std::byte>> zeros;
    std::vector<Ort::Value> values;
    for (const TensorDesc& desc : shapes.inputs) {
        std::vector<std::byte>& bytes = zeros.emplace_back(desc.byte_count());
        values.push_back(Ort::Value::CreateTensor(memory, bytes.data(), bytes.size(), desc.shape.data(),
                                                  desc.shape.size(), element_type(desc.dtype)));
    }
    const std::vector<Ort::Value> results = session.Run(Ort::RunOptions{nullptr}, input_names.data(), values.data(),
                                                        values.size(), output_names.data(), output_names.size());
    for (std::size_t i = 0; i < shapes.outputs.size(); ++i) {
        shapes.outputs[i].shape = results[i].GetTensorTypeAndShapeInfo().GetShape();
    }
}

void check_states(const ModelDescription& model, const SessionShapes& shapes) {
    for (const auto& [from, to] : model.states) {
        const TensorDesc& in = shapes.inputs[static_cast<std::size_t>(from)];
        const TensorDesc& out = shapes.outputs[static_cast<std::size_t>(to)];
        if (in == out) continue;
        throw bad(model, fmt::format("state '{}' goes in as {} and comes out of '{}' as {}; expected the same",
                                     model.inputs[static_cast<std::size_t>(from)].name, core::to_string(in),
                                     model.outputs[static_cast<std::size_t>(to)].name, core::to_string(out)));
    }
}

}  // namespace

std::vector<const char*> names_of(const std::vector<Port>& ports) {
    std::vector<const char*> names;
    names.reserve(ports.size());
    for (const Port& port : ports) names.push_back(port.name.c_str());
    return names;
}

TensorDesc check_picture_input(const ModelDescription& model, Size input) {
    const Port& picture = model.inputs[static_cast<std::size_t>(model.picture_input)];
    TensorDesc desc = picture_input_desc(model, input);
    for (std::size_t axis = 0; axis < desc.shape.size(); ++axis) {
        if (picture.desc.shape[axis] < 0 || picture.desc.shape[axis] == desc.shape[axis]) continue;
        throw bad(model, fmt::format("input '{}' takes {} only, found pictures that make it {}", picture.name,
                                     core::to_string(picture.desc), core::to_string(desc)));
    }
    return desc;
}

SessionShapes find_shapes(Ort::Session& session, const ModelDescription& model, std::vector<TensorDesc> inputs) {
    SessionShapes shapes{std::move(inputs), {}};
    for (const Port& port : outputs_of(session, model.path)) shapes.outputs.push_back(port.desc);
    find_outputs(session, model, shapes);
    return shapes;
}

SessionShapes find_shapes(Ort::Session& session, const ModelDescription& model, Size input) {
    SessionShapes shapes = find_shapes(session, model, find_inputs(model, input, inputs_of(session, model.path)));
    check_states(model, shapes);
    const TensorDesc& result = shapes.outputs[static_cast<std::size_t>(model.result_output)];
    if (model.output == OutputKind::data) {
        check_data(model, result);
    } else {
        (void)picture_scale(model, input, result);
    }
    return shapes;
}

}  // namespace millrace::infer::ort
