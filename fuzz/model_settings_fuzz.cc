// What strangers write into a model: metadata, model.json, option values, and the file that names its weights.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "infer/external_data.h"
#include "infer/resolve.h"
#include "infer/settings.h"

namespace {

using namespace millrace;  // NOLINT(google-build-using-namespace): a program of one file

/// Lines "key=value" as settings.
infer::Settings settings_of_lines(std::string_view text) {
    infer::Settings settings;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t equals = line.find('=');
        if (equals != std::string_view::npos) settings[std::string(line.substr(0, equals))] = line.substr(equals + 1);
    }
    return settings;
}

/// A model of each kind that settings can be asked of.
const std::vector<infer::ModelFile>& files() {
    const auto port = [](const char* name, std::vector<std::int64_t> shape) {
        return infer::Port{name, {core::DType::float32, std::move(shape)}};
    };
    static const std::vector<infer::ModelFile> all{
        {"free", {port("in", {-1, 3, -1, -1})}, {port("out", {-1, 3, -1, -1})}, {}},
        {"fixed", {port("in", {4, 64, 64, 3})}, {port("out", {4, 10})}, {}},
        {"frames", {port("in", {-1, -1, -1, -1, -1})}, {port("out", {-1, -1, -1, -1})}, {}},
        {"state",
         {port("in", {1, 9, -1, -1}), port("h", {1, 8})},
         {port("out", {1, 3, -1, -1}), port("h2", {1, 8})},
         {}}};
    return all;
}

void check_settings(const infer::Settings& settings) {
    const std::vector<infer::SettingSource> sources{{"model.json", "model.json", settings}};
    const infer::ParsedSettings parsed = infer::parse_settings(sources);
    for (const infer::ModelFile& file : files()) {
        try {
            const infer::ModelDescription model = infer::resolve_model(file, parsed);
            if (model.batch < 1 || model.size_multiple < 1 || model.window.frames() < 1) __builtin_trap();
            if (model.tile && 2 * model.tile->overlap >= model.tile->size.width) __builtin_trap();
        } catch (const core::Error&) {  // NOLINT(bugprone-empty-catch): refusing is right
        }
    }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT: bytes as text
    try {
        switch (data[0] % 3) {
            case 0:
                check_settings(settings_of_lines(text));
                break;
            case 1:
                check_settings(infer::settings_of_json(text, "model.json"));
                break;
            default:
                (void)infer::external_data(std::as_bytes(std::span(text)));
        }
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::usage) __builtin_trap();
    }
    return 0;
}
