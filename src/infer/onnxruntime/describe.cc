// describe_model: the file, what stands beside it and what was asked for, brought together.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "infer/external_data.h"
#include "infer/onnxruntime/model_file.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/resolve.h"
#include "infer/session.h"
#include "infer/settings.h"

namespace millrace::infer {
namespace {

/// Settings of model.json in the model's folder; none where there is no such file.
Settings settings_beside(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        if (!std::filesystem::exists(path)) return {};
        throw core::Error(core::ErrorCode::bad_input, fmt::format("{} cannot be read", path.string()));
    }
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return settings_of_json(text, path.string());
}

}  // namespace

ModelDescription describe_model(const ModelRequest& request) {
    const ModelFile file = ort::read_model_file(ort::environment(request.runtime_library), request.path);
    const std::filesystem::path beside = std::filesystem::path(request.path).replace_filename("model.json");
    Settings asked = request.overrides;
    if (request.batch) asked["batch"] = std::to_string(*request.batch);
    const std::vector<SettingSource> sources{
        {"metadata", fmt::format("model {} (metadata)", request.path), settings_of_metadata(file.metadata)},
        {"model.json", beside.string(), settings_beside(beside)},
        {"command line", "model setting on the command line", asked}};
    ModelDescription model = resolve_model(file, parse_settings(sources));
    model.sha256 = fingerprint(request.path);
    return model;
}

}  // namespace millrace::infer
