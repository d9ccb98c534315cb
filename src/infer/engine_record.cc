#include "infer/engine_record.h"

#include <fmt/format.h>
#include <unistd.h>

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
    const json body{{"close", verdict.close},        {"text", verdict.text},          {"numbers", verdict.numbers},
                    {"on frames", record.on_frames}, {"holds for", record.holds_for}, {"seconds", record.seconds}};
    const std::filesystem::path path = folder / timings / record_name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::filesystem::path unfinished = path;
    unfinished += fmt::format(".{}", ::getpid());
    std::ofstream file(unfinished, std::ios::binary);
    file << body.dump(1);
    file.close();
    if (file) std::filesystem::rename(unfinished, path, error);
    if (!file || error) {
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
        record.on_frames = body.at("on frames");
        record.holds_for = body.at("holds for").get<std::map<std::string, std::string>>();
        record.seconds = body.at("seconds").get<std::map<std::string, double>>();
        return record;
    } catch (const json::exception&) {  // whether an engine is whole is the cache's matter
        return std::nullopt;
    }
}

}  // namespace millrace::infer
