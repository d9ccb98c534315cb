#pragma once
// What a model is, decided from its shapes and settings. Pure functions: no runtime needed.

#include <map>
#include <string>
#include <vector>

#include "infer/model.h"
#include "infer/settings.h"

namespace millrace::infer {

/// What an ONNX file says about itself.
struct ModelFile {
    std::string path;
    std::vector<Port> inputs;
    std::vector<Port> outputs;
    std::map<std::string, std::string> metadata;  ///< all of it, prefixes kept
};

/// Settings where there are any, else what follows from the shapes, else the defaults; see docs/models.md. `sha256` is
/// left empty. Throws Error(bad_input): no input fits a picture (expected and found); Error(usage): a setting that
/// contradicts the shapes or another setting.
[[nodiscard]] ModelDescription resolve_model(const ModelFile& file, const ParsedSettings& settings);

}  // namespace millrace::infer
