#include "engine/job_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/json_integer.h"
#include "engine/job_members.h"

namespace millrace::engine {

namespace {

using nlohmann::json;

using Settings = std::map<std::string, std::string>;
using Texts = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr char escape = '\0';

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::ignore); }

bool fits_json(const std::string& text) {
    return !text.starts_with(escape) && json::parse(dumped(text)).get<std::string>() == text;
}

std::string text_out(const std::string& text) {
    if (fits_json(text)) return text;
    std::string hexadecimal(1, escape);
    for (const char byte : text) hexadecimal += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return hexadecimal;
}

json value_out(const std::string& text) { return text_out(text); }
json value_out(bool value) { return value; }
template <std::integral T>
json value_out(T value) {
    return value;
}
json value_out(double value) { return value; }
json value_out(std::chrono::milliseconds time) { return time.count(); }
template <class E>
    requires std::is_enum_v<E>
json value_out(E value) {
    return name_of(value);
}
json value_out(const Settings& settings) {
    json object = json::object();
    for (const auto& [key, value] : settings) object[text_out(key)] = text_out(value);
    return object;
}
json value_out(const Texts& texts) {
    json list = json::array();
    for (const std::string& text : texts) list.push_back(text_out(text));
    return list;
}
json value_out(const Pairs& pairs) {
    json list = json::array();
    for (const auto& [key, value] : pairs) list.push_back({text_out(key), text_out(value)});
    return list;
}

template <Group T>
json group_out(const T& options) {
    json object = json::object();
    const auto write = [&object]<class M>(const char* name, const M& member) {
        if constexpr (Group<M>) {
            object[name] = group_out(member);
        } else if constexpr (requires { member.has_value(); }) {
            if (member) object[name] = value_out(*member);
        } else {
            object[name] = value_out(member);
        }
    };
    members(options, write);
    return object;
}

/// `where` is the key from the top: "job.model.batch".
[[noreturn]] void wrong(const std::string& where, std::string_view expected, const json& found) {
    constexpr std::size_t most_shown = 60;
    const std::string text = dumped(found);
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{}: expected {}, found {}", where, expected,
                                  text.size() > most_shown ? text.substr(0, most_shown) + "..." : text));
}

void text_in(const std::string& where, const json& value, std::string& text) {
    if (!value.is_string()) wrong(where, "a string", value);
    text = value.get<std::string>();
    if (!text.starts_with(escape)) return;
    constexpr std::string_view digits = "0123456789abcdef";
    if (text.size() % 2 == 0 || text.find_first_not_of(digits, 1) != std::string::npos) {
        wrong(where, "bytes in hexadecimal after U+0000", value);
    }
    std::string bytes;
    for (std::size_t i = 1; i < text.size(); i += 2) {
        bytes += static_cast<char>((digits.find(text[i]) << 4U) + digits.find(text[i + 1]));
    }
    text = bytes;
}

void value_in(const std::string& where, const json& value, std::string& text) { text_in(where, value, text); }
void value_in(const std::string& where, const json& value, bool& flag) {
    if (!value.is_boolean()) wrong(where, "true or false", value);
    flag = value.get<bool>();
}
template <std::integral T>
void value_in(const std::string& where, const json& value, T& number) {
    using Limits = std::numeric_limits<T>;
    const std::optional<T> found = core::json_integer<T>(value);
    if (!found) wrong(where, fmt::format("an integer from {} to {}", Limits::min(), Limits::max()), value);
    number = *found;
}
void value_in(const std::string& where, const json& value, double& number) {
    if (!value.is_number()) wrong(where, "a number", value);
    number = value.get<double>();
}
void value_in(const std::string& where, const json& value, std::chrono::milliseconds& time) {
    std::int64_t count = 0;
    value_in(where, value, count);
    time = std::chrono::milliseconds(count);
}
template <class E>
    requires std::is_enum_v<E>
void value_in(const std::string& where, const json& value, E& chosen) {
    const auto& names = names_of<E>;
    const auto* found = value.is_string() ? std::ranges::find(names, value.get<std::string>()) : names.end();
    if (found == names.end()) wrong(where, fmt::format("one of {}", fmt::join(names, ", ")), value);
    chosen = static_cast<E>(found - names.begin());
}
void value_in(const std::string& where, const json& value, Settings& settings) {
    if (!value.is_object()) wrong(where, "an object of strings", value);
    for (const auto& [name, setting] : value.items()) {
        std::string key;
        text_in(where, name, key);
        text_in(fmt::format("{}.{}", where, name), setting, settings[key]);
    }
}
void value_in(const std::string& where, const json& value, Texts& texts) {
    if (!value.is_array()) wrong(where, "an array of strings", value);
    for (const json& text : value) text_in(where, text, texts.emplace_back());
}
void value_in(const std::string& where, const json& value, Pairs& pairs) {
    if (!value.is_array()) wrong(where, "an array of [key, value]", value);
    for (const json& pair : value) {
        if (!pair.is_array() || pair.size() != 2) wrong(where, "an array of [key, value]", value);
        auto& [key, text] = pairs.emplace_back();
        text_in(where, pair[0], key);
        text_in(where, pair[1], text);
    }
}
template <class T>
void value_in(const std::string& where, const json& value, std::optional<T>& member) {
    value_in(where, value, member.emplace());
}

template <Group T>
void group_in(const std::string& where, const json& object, T& options) {
    if (!object.is_object()) wrong(where, "an object", object);
    std::vector<std::string> known;
    const auto read = [&]<class M>(const char* name, M& member) {
        known.emplace_back(name);
        const auto found = object.find(name);
        if (found == object.end()) return;
        if constexpr (Group<M>) {
            group_in(where + "." + name, *found, member);
        } else {
            value_in(where + "." + name, *found, member);
        }
    };
    members(options, read);
    std::vector<std::string> unknown;
    for (const auto& [name, value] : object.items()) {
        if (std::ranges::find(known, name) == known.end()) unknown.push_back(name);
    }
    if (unknown.empty()) return;
    throw core::Error(core::ErrorCode::usage, fmt::format("{}: unknown keys: {}; known are {}", where,
                                                          fmt::join(unknown, ", "), fmt::join(known, ", ")));
}

}  // namespace

std::string to_json(const Job& job) { return group_out(job).dump(); }

Job job_from_json(const std::string& text) {
    const json object = json::parse(text, nullptr, false);
    if (object.is_discarded()) throw core::Error(core::ErrorCode::usage, "job: expected JSON, found something else");
    Job job;
    group_in("job", object, job);
    return job;
}

}  // namespace millrace::engine
