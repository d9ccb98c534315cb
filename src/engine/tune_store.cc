#include "engine/tune_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <system_error>

#include "core/error.h"
#include "core/sha256.h"
#include "pipeline/durable_file.h"

namespace millrace::engine {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int format = 1;

const json* member(const json& body, const char* name) {
    const auto found = body.is_object() ? body.find(name) : body.end();
    return body.is_object() && found != body.end() ? &*found : nullptr;
}

std::string damaged(const fs::path& path, const std::string& what) {
    return fmt::format("{}: what was tuned is not taken: {}; 'millrace tune' makes it anew", path.string(), what);
}

// "onnxruntime: ONNX Runtime 1.30.0 then, ONNX Runtime 1.31.1 now".
std::string difference(const json& then, const TuneNames& now) {
    for (const auto& [name, value] : now) {
        const json* old = member(then, name.c_str());
        const std::string was = old != nullptr && old->is_string() ? old->get<std::string>() : "none";
        if (was != value) return fmt::format("{} was {}, and is {}", name, was, value);
    }
    return "";
}

FoundTuning read(const fs::path& path, const json& body, const TuneKey& key) {
    const json* version = member(body, "format");
    const json* settings = member(body, "settings");
    const json* place = member(body, "place");
    const json* versions = member(body, "versions");
    const json* at = member(body, "at");
    if (version == nullptr || *version != format) return {{}, damaged(path, "it is of another version of Millrace")};
    if (place == nullptr || *place != json(key.place)) return {{}, damaged(path, "it is of another model or machine")};
    if (settings == nullptr || versions == nullptr || at == nullptr || !at->is_number()) {
        return {{}, damaged(path, "it is damaged")};
    }
    if (const std::string other = difference(*versions, key.versions); !other.empty()) {
        return {{}, damaged(path, other)};
    }
    const auto parsed = settings_from_json(*settings);
    const json* encoder = member(body, "encoder");
    if (!parsed || encoder == nullptr || !encoder->is_string()) return {{}, damaged(path, "it is damaged")};
    return {StoredTuning{*parsed, encoder->get<std::string>(), at->get<double>(), path.string()}, ""};
}

}  // namespace

fs::path TuneStore::path_of(const TuneKey& key) const {
    constexpr std::size_t digits = 32;
    return folder_ / (core::sha256_of(json(key.place).dump()).substr(0, digits) + ".json");
}

FoundTuning TuneStore::find(const TuneKey& key) const {
    const fs::path path = path_of(key);
    std::error_code error;
    if (!fs::exists(path, error)) return {};
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) return {{}, damaged(path, "it cannot be read")};
    const json body = json::parse(text, nullptr, false);
    if (body.is_discarded()) return {{}, damaged(path, "it is damaged")};
    return read(path, body, key);
}

std::string TuneStore::save(const TuneKey& key, const StoredTuning& tuning, const json& measured) const {
    const fs::path path = path_of(key);
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) pipeline::throw_file_error(folder_.string(), "make the folder for what was tuned", error.value());
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const json body{{"format", format},
                    {"place", key.place},
                    {"versions", key.versions},
                    {"at", std::chrono::duration<double>(now).count()},
                    {"settings", to_json(tuning.settings)},
                    {"encoder", tuning.encoder},
                    {"measured", measured}};
    const std::string part = fmt::format("{}.{}.part", path.string(), ::getpid());
    pipeline::DurableFile file(part, pipeline::OpenMode::truncate);
    file.write(body.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
    file.sync();
    pipeline::durable_rename(part, path.string());
    return path.string();
}

}  // namespace millrace::engine
