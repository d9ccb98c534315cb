#pragma once
// Option values, from text to numbers. `option` is what the user wrote, for messages. All throw core::Error(usage):
// option, what was expected, what was found.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::app {

template <class T>
struct Bounds {
    T least;
    T most;
};

/// "42", within bounds.
[[nodiscard]] std::int64_t parse_integer(std::string_view option, std::string_view text, Bounds<std::int64_t> bounds);

/// "23", "23.5", within bounds, finite.
[[nodiscard]] double parse_number(std::string_view option, std::string_view text, Bounds<double> bounds);

/// FFmpeg's time syntax, not negative: "90", "1.5", "90s", "500ms", "40000us", "MM:SS[.frac]", "HH:MM:SS[.frac]".
/// Microseconds; digits beyond the sixth after the point are cut.
[[nodiscard]] std::int64_t parse_time(std::string_view option, std::string_view text);

/// "5M", "800k", "1.5M", "5000000": bits per second, powers of ten as FFmpeg has them.
[[nodiscard]] std::int64_t parse_bit_rate(std::string_view option, std::string_view text);

/// "25", "29.97", "30000/1001": frames a second, as "30000/1001" in lowest terms (core::parse_rate).
[[nodiscard]] std::string parse_rate(std::string_view option, std::string_view text);

/// "2G", "512M", "1.5GiB", "1048576": bytes, powers of 1024.
[[nodiscard]] std::size_t parse_bytes(std::string_view option, std::string_view text);

/// "1280x720", sides from 1 to 65536.
[[nodiscard]] std::pair<int, int> parse_size(std::string_view option, std::string_view text);

/// "key=value", key not empty.
[[nodiscard]] std::pair<std::string, std::string> parse_key_value(std::string_view option, std::string_view text);

/// "v:1", "0:v:1", "v", "0:v": which video stream, from 0.
[[nodiscard]] int parse_video_stream(std::string_view option, std::string_view text);

/// User text made safe for a one-line message: control bytes become '?', long text is cut with "...".
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace millrace::app
