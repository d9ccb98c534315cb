#include "engine/tune_settings.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace millrace::engine {

namespace {

using nlohmann::json;

constexpr int most = 1024;

struct Number {
    const char* name;
    int TunedSettings::* member;
};
constexpr std::array numbers{Number{"batch", &TunedSettings::batch}, Number{"workers", &TunedSettings::workers},
                             Number{"threads", &TunedSettings::threads}, Number{"lanes", &TunedSettings::lanes}};

struct Flag {
    const char* name;
    bool TunedSettings::* member;
};
constexpr std::array flags{Flag{"fp32", &TunedSettings::fp32}, Flag{"tensorrt", &TunedSettings::tensorrt}};

bool set_number(TunedSettings& settings, const std::string& name, const json& value) {
    for (const Number& number : numbers) {
        if (name != number.name) continue;
        if (!value.is_number_integer() || value < 1 || value > most) return false;
        settings.*number.member = value.get<int>();
        return true;
    }
    return false;
}

bool set_flag(TunedSettings& settings, const std::string& name, const json& value) {
    for (const Flag& flag : flags) {
        if (name != flag.name) continue;
        if (!value.is_boolean()) return false;
        settings.*flag.member = value.get<bool>();
        return true;
    }
    return false;
}

}  // namespace

json to_json(const TunedSettings& settings) {
    json body = json::object();
    for (const Number& number : numbers) {
        if (settings.*number.member > 0) body[number.name] = settings.*number.member;
    }
    for (const Flag& flag : flags) {
        if (settings.*flag.member) body[flag.name] = true;
    }
    return body;
}

std::optional<TunedSettings> settings_from_json(const json& body) {
    if (!body.is_object()) return std::nullopt;
    TunedSettings settings;
    for (const auto& [name, value] : body.items()) {
        if (!set_number(settings, name, value) && !set_flag(settings, name, value)) return std::nullopt;
    }
    return settings;
}

std::string to_text(const TunedSettings& settings) {
    std::vector<std::string> parts;
    const auto plural = [](int count, const char* one) {
        return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
    };
    if (settings.batch > 0) parts.push_back(fmt::format("batch {}", settings.batch));
    if (settings.workers > 0) {
        std::string runs = plural(settings.workers, "run") + " at once";
        if (settings.threads > 0) runs += " of " + plural(settings.threads, "thread");
        parts.push_back(std::move(runs));
    } else if (settings.threads > 0) {
        parts.push_back(plural(settings.threads, "thread"));
    }
    if (settings.fp32) parts.emplace_back("fp32");
    if (settings.tensorrt) parts.emplace_back("TensorRT");
    if (settings.lanes > 0) parts.push_back(plural(settings.lanes, "lane"));
    return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, ", "));
}

TunedSettings that_change_bits(TunedSettings settings) {
    settings.workers = 0;
    settings.lanes = 0;
    return settings;
}

bool batch_is_open(const infer::ModelDescription& model) {
    const auto port = static_cast<std::size_t>(model.picture_input);
    if (model.inputs.at(port).desc.shape.front() > 0 || !model.states.empty()) return false;
    const auto origin = model.origins.find("batch");
    return origin == model.origins.end() || origin->second == "shape" || origin->second == "default";
}

TunedSettings left_open(TunedSettings settings, const Job& job, const infer::ModelDescription& model) {
    const ModelOptions& asked = job.model;
    if (asked.batch || !batch_is_open(model)) settings.batch = 0;
    if (asked.threads || asked.workers) settings.threads = settings.workers = 0;
    if (job.run.lanes > 0) settings.lanes = 0;
    const bool strict = job.run.strictness == Strictness::strict;
    if (asked.precision != Precision::automatic) settings.fp32 = false;
    if (strict || asked.runtime != ModelRuntime::automatic) settings.tensorrt = false;
    return settings;
}

void take_up(Job& job, const TunedSettings& settings) {
    if (settings.batch > 0) job.model.batch = settings.batch;
    if (settings.workers > 0) job.model.workers = settings.workers;
    if (settings.threads > 0) job.model.threads = settings.threads;
    if (settings.lanes > 0) job.run.lanes = settings.lanes;
    if (settings.fp32) job.model.precision = Precision::fp32;
    if (settings.tensorrt) job.model.runtime = ModelRuntime::tensorrt;
}

}  // namespace millrace::engine
