#include "infer/fused/layer_times.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "infer/engine_cache.h"

namespace millrace::infer::fused {
namespace {

using nlohmann::json;

std::filesystem::path file_in(const std::filesystem::path& folder) { return folder / timings / "layers.json"; }

}  // namespace

void save_layer_times(const std::vector<LayerTime>& times, const std::filesystem::path& folder) {
    json list = json::array();
    for (const LayerTime& time : times) {
        list.push_back({{"name", time.name}, {"plan", time.plan}, {"seconds", time.seconds}});
    }
    const std::filesystem::path path = file_in(folder);
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(path, std::ios::binary);
    file << list.dump(1, ' ', false, json::error_handler_t::replace);
    if (!file.flush()) {
        throw core::Error(core::ErrorCode::failed, fmt::format("{} cannot be written", path.string()));
    }
}

std::vector<LayerTime> load_layer_times(const std::filesystem::path& folder) {
    std::ifstream file(file_in(folder), std::ios::binary);
    const json list = json::parse(std::string{std::istreambuf_iterator<char>(file), {}}, nullptr, false);
    try {
        std::vector<LayerTime> times;
        for (const json& entry : list) times.push_back({entry.at("name"), entry.at("plan"), entry.at("seconds")});
        return times;
    } catch (const json::exception&) {  // damaged: as good as none
        return {};
    }
}

}  // namespace millrace::infer::fused
