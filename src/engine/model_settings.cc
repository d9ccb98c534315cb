#include "engine/model_settings.h"

#include <nlohmann/json.hpp>

#include "engine/model_layers.h"
#include "infer/session.h"
#include "millrace/engine.h"

namespace millrace::engine {

namespace {

using nlohmann::json;

const char* name(infer::Layout layout) { return layout == infer::Layout::nchw ? "nchw" : "nhwc"; }
const char* name(infer::Order order) { return order == infer::Order::any ? "any" : "sequential"; }

const char* name(infer::OutputKind kind) {
    switch (kind) {
        case infer::OutputKind::picture:
            return "picture";
        case infer::OutputKind::data:
            return "data";
        case infer::OutputKind::text:
            return "text";
    }
    return "picture";
}

const char* name(infer::InputColor color) {
    switch (color) {
        case infer::InputColor::rgb:
            return "rgb";
        case infer::InputColor::bgr:
            return "bgr";
        case infer::InputColor::luma:
            return "y";
        case infer::InputColor::yuv:
            return "yuv";
    }
    return "rgb";
}

const char* name(infer::Fit fit) {
    switch (fit) {
        case infer::Fit::stretch:
            return "stretch";
        case infer::Fit::letterbox:
            return "letterbox";
        case infer::Fit::crop:
            return "crop";
    }
    return "stretch";
}

json ports_to_json(const std::vector<infer::Port>& ports) {
    json list = json::array();
    for (const infer::Port& port : ports) {
        list.push_back({{"name", port.name}, {"dtype", core::name(port.desc.dtype)}, {"shape", port.desc.shape}});
    }
    return list;
}

json states_to_json(const infer::ModelDescription& model) {
    json states = json::object();
    for (const auto& [input, output] : model.states) {
        states[model.inputs.at(static_cast<std::size_t>(input)).name] =
            model.outputs.at(static_cast<std::size_t>(output)).name;
    }
    return states;
}

}  // namespace

json settings_to_json(const infer::ModelDescription& model) {
    json settings;
    settings["input.name"] = model.inputs.at(static_cast<std::size_t>(model.picture_input)).name;
    settings["output.name"] = model.outputs.at(static_cast<std::size_t>(model.result_output)).name;
    settings["input.layout"] = name(model.layout);
    settings["input.color"] = name(model.color);
    settings["input.range"] = model.range;
    settings["input.mean"] = model.mean;
    settings["input.std"] = model.std;
    settings["input.fit"] = name(model.fit);
    settings["input.multiple"] = model.size_multiple;
    settings["input.size"] = nullptr;
    if (model.input_size) settings["input.size"] = {model.input_size->width, model.input_size->height};
    settings["window"] = {model.window.before, model.window.after};
    settings["order"] = name(model.order);
    settings["tile"] = nullptr;
    if (model.tile) settings["tile"] = {model.tile->size.width, model.tile->size.height, model.tile->overlap};
    settings["batch"] = model.batch;
    settings["output.kind"] = name(model.output);
    settings["output.labels"] = model.labels;
    settings["state"] = states_to_json(model);
    return settings;
}

}  // namespace millrace::engine

namespace millrace {

namespace {

infer::ModelDescription describe(const ModelOptions& options) {
    infer::ModelRequest request;
    request.path = options.path;
    request.overrides = options.settings;
    request.batch = options.batch;
    request.runtime_library = options.runtime_library;
    return infer::describe_model(request);
}

nlohmann::json body_of(const ModelOptions& options, const infer::ModelDescription& model) {
    const infer::RuntimeInfo runtime = infer::load_runtime(options.runtime_library);
    nlohmann::json settings = nlohmann::json::object();
    const nlohmann::json resolved = engine::settings_to_json(model);
    for (const auto& [key, value] : resolved.items()) {
        const auto origin = model.origins.find(key);
        settings[key] = {{"value", value}, {"origin", origin == model.origins.end() ? "default" : origin->second}};
    }
    return {{"path", model.path},
            {"sha256", model.sha256},
            {"runtime", runtime.version},
            {"inputs", engine::ports_to_json(model.inputs)},
            {"outputs", engine::ports_to_json(model.outputs)},
            {"settings", settings}};
}

}  // namespace

std::string model_json(const ModelOptions& options) { return body_of(options, describe(options)).dump(2); }

std::string show_model_json(const ModelOptions& options, const ShowOptions& show) {
    const infer::ModelDescription model = describe(options);
    nlohmann::json body = body_of(options, model);
    body["layers"] = engine::layers_to_json(options, model, show);
    return body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace millrace
