#include "app/answers.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "app/summary.h"
#include "app/table.h"

namespace millrace::app {

namespace {

using nlohmann::ordered_json;

ordered_json parse(const std::string& json) { return ordered_json::parse(json); }

/// "[1, 3, 2]" is "1, 3, 2", a string is its text, null is "-", a number has no needless digits.
// NOLINTNEXTLINE(misc-no-recursion): as deep as a setting's value, which is a list at most
std::string plain(const ordered_json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
    if (!value.is_structured()) return value.dump();
    std::string text;
    for (const auto& [key, item] : value.items()) {
        if (!text.empty()) text += ", ";
        if (value.is_object()) text += key + " to ";
        text += plain(item);
    }
    return text.empty() ? "-" : text;
}

std::string string_at(const ordered_json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? std::string() : plain(*found);
}

double number_at(const ordered_json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || !found->is_number() ? 0 : found->get<double>();
}

/// "-1" stands for a dimension that the model leaves open.
std::string shape_text(const ordered_json& shape) {
    std::string text;
    for (const auto& side : shape) {
        if (!text.empty()) text += " x ";
        text += side.get<std::int64_t>() < 0 ? "any" : side.dump();
    }
    return text.empty() ? "one value" : text;
}

std::string ports_table(const ordered_json& ports) {
    Table table({Align::left, Align::left, Align::left});
    for (const auto& port : ports) {
        table.add({string_at(port, "name"), string_at(port, "dtype"), shape_text(port.at("shape"))});
    }
    return table.render(2);
}

void add_batches(Table& table, const ordered_json& body) {
    if (!body.contains("model_batches")) return;
    std::map<int, double> batches;  // in the order of numbers, not of their digits
    for (const auto& [batch, rate] : body.at("model_batches").items()) batches[std::stoi(batch)] = rate.get<double>();
    for (const auto& [batch, rate] : batches) {
        table.add({fmt::format("  batch {}", batch), fmt::format("{:.1f} fps", rate)});
    }
}

}  // namespace

std::string render_model(const std::string& json) {
    const ordered_json model = parse(json);
    std::string text = fmt::format("{} ({})\n  sha256 {}\n", string_at(model, "path"), string_at(model, "runtime"),
                                   string_at(model, "sha256"));
    text += "inputs\n" + ports_table(model.at("inputs"));
    text += "outputs\n" + ports_table(model.at("outputs"));
    Table settings({Align::left, Align::left, Align::left});
    for (const auto& [key, setting] : model.at("settings").items()) {
        settings.add({key, plain(setting.at("value")), string_at(setting, "origin")});
    }
    return text + "settings, and where they come from\n" + settings.render(2);
}

std::string render_devices(const std::string& json) {
    const ordered_json body = parse(json);
    Table devices({Align::left, Align::right, Align::left, Align::left});
    for (const auto& device : body.at("devices")) {
        devices.add({string_at(device, "name"), render_bytes(number_at(device, "memory_bytes")),
                     string_at(device, "description"), device.value("problem", "")});
    }
    const ordered_json& runtime = body.at("onnxruntime");
    std::string runtime_text = fmt::format("{} ({})", string_at(runtime, "version"), string_at(runtime, "path"));
    if (runtime.contains("missing")) runtime_text = string_at(runtime, "missing");
    Table libraries({Align::left, Align::left});
    libraries.add({"ONNX Runtime", runtime_text});
    if (const std::string version = string_at(body.at("tensorrt"), "version"); !version.empty()) {
        libraries.add({"TensorRT", version});
    } else {
        libraries.add({"TensorRT", string_at(body.at("tensorrt"), "missing")});
    }
    libraries.add({"FFmpeg", string_at(body, "ffmpeg")});
    libraries.add({"CUDA", string_at(body, "cuda")});
    return "devices\n" + devices.render(2) + "libraries\n" + libraries.render(2);
}

std::string render_bench(const std::string& json) {
    const ordered_json body = parse(json);
    const ordered_json& ceilings = body.at("ceilings");
    Table table({Align::left, Align::right, Align::left});
    for (const char* stage : {"decode", "to_tensor", "model", "to_picture", "encode"}) {  // in the order of the flow
        if (!ceilings.contains(stage)) continue;
        table.add({fmt::format("{} alone", stage), fmt::format("{:.1f} fps", number_at(ceilings, stage))});
        if (std::string_view(stage) == "model") add_batches(table, body);
    }
    table.add({"the whole", fmt::format("{:.1f} fps", number_at(body, "whole_fps")),
               fmt::format("{:.0f}% of the slowest stage alone", 100 * number_at(body, "whole_to_slowest"))});
    std::string text = table.render(0);
    if (const std::string verdict = string_at(body, "verdict"); !verdict.empty()) text += verdict + "\n";
    return text;
}

std::string render_versions(const std::string& json) {
    const ordered_json body = parse(json);
    std::string text = fmt::format("millrace {}\n", string_at(body, "millrace"));
    for (const auto& [name, version] : body.items()) {
        if (name != "millrace") text += fmt::format("  {}: {}\n", name, plain(version));
    }
    return text;
}

}  // namespace millrace::app
