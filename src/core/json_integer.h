#pragma once
// Integers in JSON that others may have written.

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace millrace::core {

/// The integer in `value`; nullopt for anything else, for 1.0 too, and for what T cannot hold: nlohmann's get() casts
/// those, which is undefined behaviour for a floating point number out of range.
template <std::integral T>
[[nodiscard]] std::optional<T> json_integer(const nlohmann::json& value) {
    const bool fits = value.is_number_unsigned()  ? std::in_range<T>(value.get<std::uint64_t>())
                      : value.is_number_integer() ? std::in_range<T>(value.get<std::int64_t>())
                                                  : false;
    return fits ? std::optional<T>(value.get<T>()) : std::nullopt;
}

}  // namespace millrace::core
