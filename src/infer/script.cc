#include "infer/script.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/planes.h"
#include "infer/resolve.h"
#include "infer/settings.h"
#include "infer/shapes.h"

namespace millrace::infer {

namespace {

core::DType as_model(core::DType dtype) { return dtype == core::DType::uint8 ? core::DType::float32 : dtype; }

std::vector<std::int64_t> open_shape(Layout layout, std::int64_t channels, std::optional<int> frames) {
    std::vector<std::int64_t> shape{-1, -1, -1, -1};
    shape[static_cast<std::size_t>(picture_axes(layout, 4).channels)] = channels;
    if (frames) shape.insert(shape.begin() + 1, *frames);
    return shape;
}

core::TensorDesc pictures_desc(const ModelDescription& model, Size size) {
    if (model.planes) return planes_batch_desc(model);
    const Axes axes = picture_axes(model.layout, 4);
    core::TensorDesc desc{model.dtype, {model.batch, 1, 1, 1}};
    desc.shape[static_cast<std::size_t>(axes.channels)] = frame_channels(model);
    desc.shape[static_cast<std::size_t>(axes.height)] = size.height;
    desc.shape[static_cast<std::size_t>(axes.width)] = size.width;
    return desc;
}

ModelDescription resolve_script(const ScriptDescription& script, ParsedSettings settings) {
    const bool analyser = script.kind == ScriptKind::analyser;
    settings.output = analyser ? OutputKind::data : OutputKind::picture;
    const Layout layout = settings.layout.value_or(Layout::nchw);
    const std::int64_t channels = settings.color == InputColor::luma ? 1 : 3;
    std::optional<int> frames;
    if (settings.window && settings.window->frames() > 1) frames = settings.window->frames();
    ModelFile file;
    file.path = script.path;
    file.inputs.push_back({"frames", {as_model(script.dtype), open_shape(layout, channels, frames)}});
    if (analyser) {
        file.outputs.push_back({"result", {core::DType::uint8, {-1, -1}}});
    } else {
        file.outputs.push_back({"frames", {as_model(script.dtype), open_shape(layout, channels, {})}});
    }
    ModelDescription model = resolve_model(file, settings);
    model.sha256 = script.sha256;
    if (analyser) model.output = OutputKind::text;
    return model;
}

// In the place of the pictures that all else was resolved for.
void take_planes(ModelDescription& model, const core::PictureDesc& video) {
    model.color = InputColor::yuv;
    model.planes = video;
    model.dtype = core::planes_desc(video).dtype;
    model.inputs.front().desc = picture_input_desc(model, {video.width, video.height});
    if (model.output == OutputKind::picture) model.outputs.front().desc = planes_batch_desc(model);
}

}  // namespace

const char* name(ScriptKind kind) {
    constexpr const char* names[] = {"processor", "analyser", "generator"};
    return names[static_cast<int>(kind)];  // NOLINT(*-constant-array-index)
}

ScriptStep whole_step(const ScriptDescription& script) {
    ScriptStep whole;
    for (const ScriptStep& step : script.steps) {
        whole.scale *= step.scale;
        whole.rate *= step.rate;
    }
    return whole;
}

ModelDescription describe_script(const ScriptDescription& script, const ScriptVideo& video, std::optional<int> batch) {
    Settings said = script.settings;
    const auto color = said.find("input.color");
    const bool planes = color != said.end() && color->second == "yuv";
    if (planes) {
        const std::string missing = core::why_no_planes(video.picture);
        if (!missing.empty()) {
            throw core::Error(core::ErrorCode::bad_input,
                              fmt::format("{}: {} takes yuv planes: {}", video.path, script.path, missing));
        }
        said.erase(color);
    }
    std::vector<SettingSource> sources{{"script", script.path, said}};
    if (batch) sources.push_back({"command line", "--batch", {{"batch", std::to_string(*batch)}}});
    ModelDescription model = resolve_script(script, parse_settings(sources));
    if (planes) take_planes(model, video.picture);
    return model;
}

core::DType frames_dtype(const ScriptDescription& script, const ModelDescription& model) {
    return model.planes ? model.dtype : script.dtype;
}

core::TensorDesc script_output_desc(const ScriptDescription& script, const ModelDescription& model, Size input) {
    if (script.kind == ScriptKind::analyser) return {core::DType::uint8, {model.batch, 1}};
    const ScriptStep whole = whole_step(script);
    core::TensorDesc desc = pictures_desc(model, {input.width * whole.scale, input.height * whole.scale});
    desc.shape.front() *= whole.rate;
    return desc;
}

std::vector<core::TensorDesc> script_step_descs(const ScriptDescription& script, const ModelDescription& model,
                                                Size input) {
    std::vector<core::TensorDesc> descs;
    const Size whole = input;
    int rate = 1;
    for (std::size_t step = 0; step + 1 < script.steps.size(); ++step) {
        input = {input.width * script.steps[step].scale, input.height * script.steps[step].scale};
        rate *= script.steps[step].rate;
        descs.push_back(pictures_desc(model, input));
        descs.back().shape.front() *= rate;
    }
    descs.push_back(script_output_desc(script, model, whole));
    for (core::TensorDesc& desc : descs) desc.dtype = frames_dtype(script, model);
    if (script.kind == ScriptKind::analyser) descs.back().dtype = core::DType::uint8;
    return descs;
}

}  // namespace millrace::infer
