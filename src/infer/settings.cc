#include "infer/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_integer.h"

namespace millrace::infer {
namespace {

using core::Error;
using core::ErrorCode;
using nlohmann::json;

constexpr std::string_view prefix = "millrace.";
constexpr int max_side = 1 << 16;
constexpr int max_frames = 256;

/// A value that a parser cannot use; what is allowed is the rule's to say.
struct Malformed {};

/// JSON, or a discarded value for text that is not, or that nests deeper than any setting does.
json parse_json(std::string_view text) {
    constexpr int deepest = 16;
    bool too_deep = false;
    const auto keep = [&too_deep](int depth, json::parse_event_t /*event*/, json& /*value*/) {
        too_deep = too_deep || depth > deepest;
        return !too_deep;
    };
    json value = json::parse(text, keep, false);
    return too_deep ? json(json::value_t::discarded) : value;
}

/// JSON where it is JSON, a list of JSON with commas between ("0.5,0.5,0.5"), or else the words themselves.
json to_json(const std::string& text) {
    json value = parse_json(text);
    if (value.is_discarded() && text.find(',') != std::string::npos) value = parse_json("[" + text + "]");
    if (value.is_discarded()) value = text;
    return value;
}

int integer(const json& value, int low, int high) {
    const std::optional<int> number = core::json_integer<int>(value);
    if (!number || *number < low || *number > high) throw Malformed{};
    return *number;
}

float real(const json& value) {
    if (!value.is_number()) throw Malformed{};
    const auto number = value.get<double>();
    constexpr double largest = 1e30;
    if (!(std::abs(number) <= largest)) throw Malformed{};
    return static_cast<float>(number);
}

std::string word(const json& value) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) throw Malformed{};
    return value.get<std::string>();
}

template <class T>
T one_of(const json& value, std::initializer_list<std::pair<std::string_view, T>> choices) {
    const std::string text = word(value);
    for (const auto& [name, choice] : choices) {
        if (text == name) return choice;
    }
    throw Malformed{};
}

std::array<float, 3> per_channel(const json& value) {
    if (value.is_number()) {
        const float all = real(value);
        return {all, all, all};
    }
    if (!value.is_array() || (value.size() != 3 && value.size() != 1)) throw Malformed{};
    const std::size_t last = value.size() - 1;
    return {real(value[0]), real(value[last / 2]), real(value[last])};
}

/// [w, h], "WxH", or one number for a square.
Size size(const json& value) {
    if (value.is_number()) {
        const int side = integer(value, 1, max_side);
        return {side, side};
    }
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        const std::size_t cross = text.find('x');
        if (cross == std::string::npos) throw Malformed{};
        return size(json::array(
            {json::parse(text.substr(0, cross), nullptr, false), json::parse(text.substr(cross + 1), nullptr, false)}));
    }
    if (!value.is_array() || value.size() != 2) throw Malformed{};
    return {integer(value[0], 1, max_side), integer(value[1], 1, max_side)};
}

/// 1, 255, [0, 1] or [0, 255].
float range(const json& value) {
    if (value.is_array() && value.size() == 2 && real(value[0]) == 0.0F) return range(value[1]);
    const float white = real(value);
    if (white != 1.0F && white != 255.0F) throw Malformed{};
    return white;
}

Window window(const json& value) {
    if (!value.is_array() || value.size() != 2) throw Malformed{};
    return {integer(value[0], 0, max_frames), integer(value[1], 0, max_frames)};
}

TileSetting tile(const json& value) {
    TileSetting tiles;
    if (value.is_array() && value.size() == 3) {
        tiles.size = size(json::array({value[0], value[1]}));
        tiles.overlap = integer(value[2], 0, max_side);
    } else if (value.is_object() && value.size() == 2 && value.contains("size") && value.contains("overlap")) {
        tiles.size = size(value["size"]);
        tiles.overlap = integer(value["overlap"], 0, max_side);
    } else {
        throw Malformed{};
    }
    if (2 * tiles.overlap >= std::min(tiles.size.width, tiles.size.height)) throw Malformed{};
    return tiles;
}

/// A JSON list of strings, or words with commas between.
std::vector<std::string> labels(const std::string& text) {
    std::vector<std::string> names;
    const json value = parse_json(text);
    if (value.is_array()) {
        for (const json& name : value) names.push_back(word(name));
    } else {
        std::string_view rest = text;
        for (std::size_t comma = rest.find(','); comma != std::string_view::npos; comma = rest.find(',')) {
            names.emplace_back(rest.substr(0, comma));
            rest.remove_prefix(comma + 1);
        }
        names.emplace_back(rest);
    }
    if (names.empty() || std::ranges::find(names, std::string()) != names.end()) throw Malformed{};
    return names;
}

/// A port's name, which may look like a number.
std::string port_name(const std::string& text) {
    if (text.empty()) throw Malformed{};
    return text;
}

std::vector<std::pair<std::string, std::string>> states(const json& value) {
    if (!value.is_object() || value.empty()) throw Malformed{};
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& [input, output] : value.items()) pairs.emplace_back(input, word(output));
    return pairs;
}

/// One key: what may stand there, in words, and where its value goes.
struct Rule {
    std::string_view key;
    std::string_view allowed;
    void (*store)(ParsedSettings& into, const std::string& value);
};

std::array<float, 3> divisor(const json& value) {
    const std::array<float, 3> values = per_channel(value);
    for (const float each : values) {
        if (each <= 0.0F) throw Malformed{};
    }
    return values;
}

const std::array<Rule, 17>& rules() {
    using P = ParsedSettings;
    using Text = const std::string&;
    static const std::array<Rule, 17> all{{
        {"input.name", "the name of one of the model's inputs", [](P& p, Text v) { p.input_name = port_name(v); }},
        {"input.layout", "nchw or nhwc",
         [](P& p, Text v) { p.layout = one_of<Layout>(to_json(v), {{"nchw", Layout::nchw}, {"nhwc", Layout::nhwc}}); }},
        {"input.range", "1 or 255 (what white is)", [](P& p, Text v) { p.range = range(to_json(v)); }},
        {"input.mean", "one number, or three: [0.485, 0.456, 0.406]",
         [](P& p, Text v) { p.mean = per_channel(to_json(v)); }},
        {"input.std", "one positive number, or three: [0.229, 0.224, 0.225]",
         [](P& p, Text v) { p.std = divisor(to_json(v)); }},
        {"input.color", "rgb, bgr or y",
         [](P& p, Text v) {
             p.color = one_of<InputColor>(
                 to_json(v), {{"rgb", InputColor::rgb}, {"bgr", InputColor::bgr}, {"y", InputColor::luma}});
         }},
        {"input.size", "width and height in pixels: [224, 224] or 224x224",
         [](P& p, Text v) { p.size = size(to_json(v)); }},
        {"input.fit", "stretch, letterbox or crop",
         [](P& p, Text v) {
             p.fit = one_of<Fit>(to_json(v),
                                 {{"stretch", Fit::stretch}, {"letterbox", Fit::letterbox}, {"crop", Fit::crop}});
         }},
        {"input.multiple", "a whole number of pixels from 1 to 1024",
         [](P& p, Text v) { p.multiple = integer(to_json(v), 1, 1024); }},
        {"window", "frames before and after, 0 to 256 each: [1, 1]",
         [](P& p, Text v) { p.window = window(to_json(v)); }},
        {"order", "any or sequential",
         [](P& p, Text v) {
             p.order = one_of<Order>(to_json(v), {{"any", Order::any}, {"sequential", Order::sequential}});
         }},
        {"state", R"(an object from input names to output names: {"state_in": "state_out"})",
         [](P& p, Text v) { p.states = states(to_json(v)); }},
        {"tile",
         R"([width, height, overlap] or {"size": [256, 256], "overlap": 16}, the overlap less than half the size)",
         [](P& p, Text v) { p.tile = tile(to_json(v)); }},
        {"batch", "a whole number from 1 to 1024", [](P& p, Text v) { p.batch = integer(to_json(v), 1, 1024); }},
        {"output.name", "the name of one of the model's outputs", [](P& p, Text v) { p.output_name = port_name(v); }},
        {"output.kind", "picture or data",
         [](P& p, Text v) {
             p.output = one_of<OutputKind>(to_json(v), {{"picture", OutputKind::picture}, {"data", OutputKind::data}});
         }},
        {"output.labels", R"(a list of names, one per value: ["cat", "dog"])",
         [](P& p, Text v) { p.labels = labels(v); }},
    }};
    return all;
}

const Rule* find_rule(std::string_view key) {
    for (const Rule& rule : rules()) {
        if (rule.key == key) return &rule;
    }
    return nullptr;
}

/// Keys and values come from files: what is shown of them is short, and printable.
std::string shown(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string safe(text.substr(0, longest));
    for (char& c : safe) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) c = '?';  // a sequence of UTF-8 might be cut
    }
    return text.size() > longest ? safe + "..." : safe;
}

void check_keys(const SettingSource& source) {
    for (const auto& [key, value] : source.values) {
        if (find_rule(key) != nullptr) continue;
        std::vector<std::string_view> known;
        for (const Rule& rule : rules()) known.push_back(rule.key);
        throw Error(ErrorCode::usage, fmt::format("{}: no model setting is called '{}' (value '{}'); there are: {}",
                                                  source.where, shown(key), shown(value), fmt::join(known, ", ")));
    }
}

}  // namespace

ParsedSettings parse_settings(std::span<const SettingSource> sources) {
    for (const SettingSource& source : sources) check_keys(source);
    ParsedSettings parsed;
    for (const Rule& rule : rules()) {
        const std::string key(rule.key);
        const SettingSource* winner = nullptr;
        for (const SettingSource& source : sources) {
            if (source.values.contains(key)) winner = &source;
        }
        if (winner == nullptr) continue;
        const std::string& value = winner->values.at(key);
        try {
            rule.store(parsed, value);
        } catch (const Malformed&) {
            throw Error(ErrorCode::usage,
                        fmt::format("{}: {} is '{}', expected {}", winner->where, key, shown(value), rule.allowed));
        }
        parsed.origins[key] = winner->origin;
    }
    return parsed;
}

Settings settings_of_metadata(const std::map<std::string, std::string>& metadata) {
    Settings ours;
    for (const auto& [key, value] : metadata) {
        if (key.starts_with(prefix)) ours[key.substr(prefix.size())] = value;
    }
    return ours;
}

Settings settings_of_json(std::string_view text, const std::string& where) {
    const json document = parse_json(text);
    if (!document.is_object()) {
        throw Error(ErrorCode::usage,
                    fmt::format(R"({}: expected one JSON object such as {{"input.range": 255}}, found {})", where,
                                document.is_discarded() ? "text that is not JSON" : document.type_name()));
    }
    Settings settings;
    for (const auto& [key, value] : document.items()) {
        settings[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    return settings;
}

}  // namespace millrace::infer
