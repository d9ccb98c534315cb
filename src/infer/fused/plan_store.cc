#include "infer/fused/plan_store.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace millrace::infer::fused {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ErrorCode;
using nlohmann::json;

constexpr const char* index_file = "plans.json";

std::vector<std::uint8_t> read(const fs::path& path) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    std::vector<std::uint8_t> bytes(error ? 0 : size);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(bytes.data()),  // NOLINT(*-reinterpret-cast): streams read chars
              static_cast<std::streamsize>(bytes.size()));
    if (!file || bytes.empty()) throw Error(ErrorCode::failed, fmt::format("{} cannot be read", path.string()));
    return bytes;
}

void write(const fs::path& path, std::span<const char> bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw Error(ErrorCode::failed, fmt::format("{} cannot be written", path.string()));
}

}  // namespace

PlanStore::PlanStore(const fs::path& folder) {
    const fs::path path = folder / index_file;
    if (folder.empty() || !fs::exists(path)) return;
    try {
        const json index = json::parse(read(path));
        for (const auto& [signature, entry] : index.items()) {
            const std::string file = entry.at("file");
            plans_[signature] = {file.empty() ? std::vector<std::uint8_t>{} : read(folder / file), entry.at("name"),
                                 entry.at("seconds")};
        }
    } catch (const json::exception& error) {
        throw Error(ErrorCode::failed, fmt::format("{}: {}", path.string(), error.what()));
    }
}

const StoredPlan* PlanStore::find(const std::string& signature) const {
    const auto found = plans_.find(signature);
    return found == plans_.end() ? nullptr : &found->second;
}

const StoredPlan& PlanStore::add(const std::string& signature, StoredPlan plan) {
    return plans_[signature] = std::move(plan);
}

void PlanStore::save(const fs::path& folder) const {
    json index = json::object();
    for (const auto& [signature, plan] : plans_) {
        const std::string file = plan.bytes.empty() ? "" : fmt::format("{}.plan", index.size());
        const std::vector<char> bytes(plan.bytes.begin(), plan.bytes.end());
        if (!file.empty()) write(folder / file, bytes);
        index[signature] = {{"file", file}, {"name", plan.name}, {"seconds", plan.seconds}};
    }
    write(folder / index_file, index.dump(1));
}

}  // namespace millrace::infer::fused
