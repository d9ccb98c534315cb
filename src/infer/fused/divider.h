#pragma once
// Division by a number that is known before, for kernels: a multiplication and a shift, where a division takes twenty
// instructions.

#include <cassert>
#include <cstdint>

namespace millrace::infer::fused {

/// Of numbers below 2^31, by one of 1 to 2^31 - 1.
class Divider {
  public:
    struct Result {
        std::uint32_t quotient = 0;
        std::uint32_t remainder = 0;
    };

    constexpr Divider() = default;
    constexpr explicit Divider(std::uint32_t by) : by_(by) {
        assert(by >= 1 && by < (1U << 31U));
        while ((1U << shift_) < by) ++shift_;
        // 2^32 * 2^shift / by, rounded up, of which 2^32 is left to quotient() to fit in 32 bits.
        factor_ = static_cast<std::uint32_t>((((std::uint64_t{1} << shift_) - by) << 32U) / by + 1);
    }

    [[nodiscard]] constexpr std::uint32_t by() const { return by_; }

    [[nodiscard]] constexpr std::uint32_t quotient(std::uint32_t number) const {
        const auto high = static_cast<std::uint32_t>((std::uint64_t{number} * factor_) >> 32U);
        return (high + number) >> shift_;
    }

    [[nodiscard]] constexpr Result divide(std::uint32_t number) const {
        const std::uint32_t times = quotient(number);
        return {times, number - times * by_};
    }

  private:
    std::uint32_t by_ = 1;
    std::uint32_t factor_ = 1;
    std::uint32_t shift_ = 0;
};

}  // namespace millrace::infer::fused
