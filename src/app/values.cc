#include "app/values.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/rational.h"

namespace millrace::app {

namespace {

[[noreturn]] void expected(std::string_view option, std::string_view what, std::string_view found) {
    throw core::Error(core::ErrorCode::usage, fmt::format("{}: expected {}, found '{}'", option, what, shown(found)));
}

/// All of `text` as a number without a sign or an exponent; nullopt otherwise.
template <class T>
std::optional<T> plain_number(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
    T value{};
    const char* const end = std::to_address(text.end());
    const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

/// Splits "1.5M" into 1.5 and "M".
std::pair<std::optional<double>, std::string_view> number_and_unit(std::string_view text) {
    const std::size_t end = text.find_first_not_of("0123456789.");
    const std::string_view digits = text.substr(0, end);
    const std::string_view unit = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    return {plain_number<double>(digits), unit};
}

struct Unit {
    std::string_view name;
    double factor;
};

std::optional<double> scaled(std::string_view text, std::initializer_list<Unit> units) {
    const auto [number, unit] = number_and_unit(text);
    if (!number) return std::nullopt;
    for (const Unit& candidate : units) {
        if (unit == candidate.name) return *number * candidate.factor;
    }
    return std::nullopt;
}

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t longest_hours = 1'000'000;

/// "12.3456789" seconds, exactly; nullopt when it is something else.
std::optional<std::int64_t> seconds_to_us(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    const std::string_view whole_text = text.substr(0, point);
    const auto whole = whole_text.empty() && !fraction.empty() ? std::optional<std::int64_t>{0}
                                                               : plain_number<std::int64_t>(whole_text);
    if (!whole || *whole > longest_hours * 3600) return std::nullopt;
    if (fraction.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    std::int64_t us = 0;
    for (std::size_t digit = 0; digit < 6; ++digit)
        us = us * 10 + (digit < fraction.size() ? fraction[digit] - '0' : 0);
    return *whole * second_us + us;
}

std::optional<std::int64_t> clock_to_us(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t colon = text.find(':', begin);
        parts.push_back(text.substr(begin, colon == std::string_view::npos ? colon : colon - begin));
        if (colon == std::string_view::npos) break;
        begin = colon + 1;
    }
    if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
    const auto seconds = seconds_to_us(parts.back());
    const auto minutes = plain_number<std::int64_t>(parts[parts.size() - 2]);
    const auto hours = parts.size() == 3 ? plain_number<std::int64_t>(parts[0]) : std::optional<std::int64_t>{0};
    if (!seconds || !minutes || !hours || *hours > longest_hours) return std::nullopt;
    if (*seconds >= 60 * second_us || (parts.size() == 3 ? *minutes >= 60 : *minutes > longest_hours)) {
        return std::nullopt;
    }
    return (*hours * 3600 + *minutes * 60) * second_us + *seconds;
}

std::optional<std::int64_t> time_to_us(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return clock_to_us(text);
    if (const auto us = seconds_to_us(text)) return us;
    const auto us = scaled(text, {{"s", 1e6}, {"ms", 1e3}, {"us", 1}});
    if (!us || *us > static_cast<double>(longest_hours) * 3600e6) return std::nullopt;
    return std::llround(*us);
}

}  // namespace

std::string shown(std::string_view text) {
    constexpr std::size_t longest = 120;
    std::string safe;
    for (const char c : text.substr(0, longest))
        safe.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
    if (text.size() <= longest) return safe;
    // Do not cut a UTF-8 character in two.
    while (!safe.empty() && (static_cast<unsigned char>(safe.back()) & 0xC0U) == 0x80U) safe.pop_back();
    if (!safe.empty() && (static_cast<unsigned char>(safe.back()) & 0x80U) != 0) safe.pop_back();
    return safe + "...";
}

std::int64_t parse_integer(std::string_view option, std::string_view text, Bounds<std::int64_t> bounds) {
    const auto value = plain_number<std::int64_t>(text);
    if (!value || *value < bounds.least || *value > bounds.most) {
        const bool open = bounds.most == std::numeric_limits<std::int64_t>::max();
        expected(option,
                 open ? fmt::format("a whole number from {}", bounds.least)
                      : fmt::format("a whole number from {} to {}", bounds.least, bounds.most),
                 text);
    }
    return *value;
}

double parse_number(std::string_view option, std::string_view text, Bounds<double> bounds) {
    const auto value = plain_number<double>(text);
    if (!value || !std::isfinite(*value) || *value < bounds.least || *value > bounds.most) {
        expected(option, fmt::format("a number from {} to {}", bounds.least, bounds.most), text);
    }
    return *value;
}

std::int64_t parse_time(std::string_view option, std::string_view text) {
    const auto us = time_to_us(text);
    if (!us) expected(option, "a time such as 90, 1.5, 500ms or 00:01:30.5", text);
    return *us;
}

std::int64_t parse_bit_rate(std::string_view option, std::string_view text) {
    const auto value = scaled(text, {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}});
    constexpr double most = 1e12;
    if (!value || *value < 1 || *value > most) {
        expected(option, "bits per second such as 5M, 800k or 2500000", text);
    }
    return std::llround(*value);
}

std::string parse_rate(std::string_view option, std::string_view text) {
    const auto rate = core::parse_rate(text);
    if (!rate) expected(option, "frames a second such as 25, 29.97 or 30000/1001", text);
    return fmt::format("{}/{}", rate->num, rate->den);
}

std::size_t parse_bytes(std::string_view option, std::string_view text) {
    constexpr double k = 1024;
    const auto value = scaled(text, {{"", 1},
                                     {"K", k},
                                     {"k", k},
                                     {"KiB", k},
                                     {"M", k * k},
                                     {"MiB", k * k},
                                     {"G", k * k * k},
                                     {"GiB", k * k * k},
                                     {"T", k * k * k * k},
                                     {"TiB", k * k * k * k}});
    constexpr double most = 1024 * k * k * k * k;
    if (!value || *value < 1 || *value > most) expected(option, "bytes such as 2G, 512M or 1.5GiB", text);
    return static_cast<std::size_t>(*value);
}

std::pair<int, int> parse_size(std::string_view option, std::string_view text) {
    constexpr int longest_side = 65536;
    const std::size_t cross = text.find('x');
    const auto width = plain_number<int>(text.substr(0, cross));
    const auto height =
        cross == std::string_view::npos ? std::optional<int>{} : plain_number<int>(text.substr(cross + 1));
    if (!width || !height || *width < 1 || *height < 1 || *width > longest_side || *height > longest_side) {
        expected(option, "a size such as 256x256", text);
    }
    return {*width, *height};
}

std::pair<std::string, std::string> parse_key_value(std::string_view option, std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) expected(option, "key=value", text);
    return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

int parse_video_stream(std::string_view option, std::string_view text) {
    std::string_view rest = text;
    if (rest.starts_with("0:")) rest.remove_prefix(2);
    const bool video = rest.starts_with("v");
    if (video) rest.remove_prefix(1);
    if (video && rest.empty()) return 0;
    const auto index = video && rest.starts_with(":") ? plain_number<int>(rest.substr(1)) : std::optional<int>{};
    constexpr int most = 999;
    if (!index || *index > most) {
        expected(option, "a video stream such as v:0 or v:1 (everything else is kept anyway)", text);
    }
    return *index;
}

}  // namespace millrace::app
