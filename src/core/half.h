#pragma once
// float16 as bits: IEEE 754 binary16.

#include <bit>
#include <cstdint>

namespace millrace::core {

/// float32 to float16, round half to even, subnormals kept. NaN becomes a quiet NaN.
[[nodiscard]] constexpr std::uint16_t half_of_float(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
    if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // 65520 and above
    if (magnitude < 0x38800000U) {
        // Below 2^-14: the value in units of 2^-24, rounded by adding a number whose last bit is that unit.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t odd = (magnitude >> 13U) & 1U;
    const std::uint32_t rounded = magnitude - 0x38000000U + 0xFFFU + odd;
    return static_cast<std::uint16_t>(sign | (rounded >> 13U));
}

/// float16 to float32: exact.
[[nodiscard]] constexpr float float_of_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
    const std::uint32_t magnitude = half & 0x7FFFU;
    if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13U));
    if (magnitude < 0x400U) {
        const float value = static_cast<float>(magnitude) * 0x1p-24F;
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
    }
    return std::bit_cast<float>(sign | ((magnitude << 13U) + 0x38000000U));
}

}  // namespace millrace::core
