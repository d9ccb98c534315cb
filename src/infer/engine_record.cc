#include "infer/engine_record.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "infer/engine_cache.h"

namespace millrace::infer {
namespace {

using nlohmann::json;

constexpr const char* record_name = "record.json";

}  // namespace

void save_record(const EngineRecord& record, const std::filesystem::path& folder) {
    const Verdict& verdict = record.verdict;
    const json body{
        {"close", verdict.close}, {"text", verdict.text}, {"numbers", verdict.numbers}, {"seconds", record.seconds}};
    const std::filesystem::path path = folder / timings / record_name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(path, std::ios::binary);
    file << body.dump(1);
    if (!file.flush()) {
        throw core::Error(core::ErrorCode::failed, fmt::format("{} cannot be written", path.string()));
    }
}

std::optional<EngineRecord> load_record(const std::filesystem::path& folder) {
    std::ifstream file(folder / timings / record_name, std::ios::binary);
    const json body = json::parse(std::string{std::istreambuf_iterator<char>(file), {}}, nullptr, false);
    try {
        EngineRecord record;
        record.verdict.close = body.at("close");
        record.verdict.text = body.at("text");
        record.verdict.numbers = body.at("numbers").get<std::map<std::string, double>>();
        record.seconds = body.at("seconds").get<std::map<std::string, double>>();
        return record;
    } catch (const json::exception&) {  // whether an engine is whole is the cache's matter
        return std::nullopt;
    }
}

}  // namespace millrace::infer
