#pragma once
// What people write about a model, from text to values. Pure functions: no file is opened, no runtime needed.

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/model.h"

namespace millrace::infer {

/// Settings of one place. Of several places, a later one in a list wins.
struct SettingSource {
    std::string origin;  ///< for ModelDescription::origins: "metadata", "model.json", "command line"
    std::string where;   ///< for messages: "models/x2.onnx (metadata)"
    Settings values;
};

/// Values as written, before the model's shapes are looked at; nullopt: nobody said.
struct ParsedSettings {
    std::optional<Layout> layout;
    std::optional<float> range;
    std::optional<std::array<float, 3>> mean;
    std::optional<std::array<float, 3>> std;
    std::optional<InputColor> color;
    std::optional<Size> size;
    std::optional<Fit> fit;
    std::optional<int> multiple;
    std::optional<std::string> input_name;
    std::optional<std::string> output_name;
    std::optional<Window> window;
    std::optional<Order> order;
    std::optional<TileSetting> tile;
    std::optional<int> batch;
    std::optional<OutputKind> output;
    std::optional<std::vector<std::string>> labels;
    std::optional<std::vector<std::pair<std::string, std::string>>> states;  ///< (input name, output name)
    std::map<std::string, std::string> origins;                              ///< key to SettingSource::origin
};

/// Values of all sources, in order of rising precedence. Throws Error(usage) naming key, value, what is allowed and
/// where it stood: for a key that does not exist (in any source) and for a malformed value (in the source that wins).
[[nodiscard]] ParsedSettings parse_settings(std::span<const SettingSource> sources);

/// The entries of an ONNX file's metadata that are ours: those with the prefix "millrace.", without it.
[[nodiscard]] Settings settings_of_metadata(const std::map<std::string, std::string>& metadata);

/// The text of a model.json: one flat object, keys as in the metadata without the prefix. Throws Error(usage) naming
/// `where` for anything else.
[[nodiscard]] Settings settings_of_json(std::string_view text, const std::string& where);

}  // namespace millrace::infer
